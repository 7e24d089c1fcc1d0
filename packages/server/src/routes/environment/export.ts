import { toIso } from "@posthaste/core/domain/time";
import { Type } from "typebox";
import { environmentRoute } from "../../route.ts";
import { allEventTypes } from "../event-type/all.ts";
import { EventTypeOut, eventTypeText } from "../event-type/schemas.ts";
import { named, Time } from "../fields.ts";
import { findEnvironment } from "./write.ts";

const EnvironmentOut = named(
  "EnvironmentOut",
  Type.Object({
    version: Type.Integer({ description: "Of this form: 1." }),
    createdAt: Time,
    eventTypes: Type.Array(EventTypeOut),
    settings: Type.Unsafe<object | null>({
      type: ["object", "null"],
      additionalProperties: true,
      description: "Those that were set.",
    }),
    connectors: Type.Array(Type.Object({}), { description: "Empty: there are none yet." }),
  }),
);

export const exportEnvironment = environmentRoute({
  method: "POST",
  path: "/api/v1/environment/export",
  operationId: "v1.environment.export",
  tag: "Environment",
  scope: "read:environment",
  summary: "Export Environment",
  description:
    "The event types of the environment, archived ones too, and its settings, to be imported into another one. Nothing " +
    "of its applications and no secret.",
  idempotency: "none",
  answers: { 200: EnvironmentOut },
  async handle({ environmentId }, services) {
    const { settings, retentionDays } = await findEnvironment(environmentId, services);
    const types = await allEventTypes(environmentId, services);
    const rest = JSON.stringify({
      version: 1,
      createdAt: toIso(services.runtime.clock.now()),
      settings: { ...settings, retentionDays },
      connectors: [],
    });
    const texts = types.map((each) => eventTypeText(each, { withSchemas: true }));
    return { status: 200, text: `{"eventTypes":[${texts.join(",")}],${rest.slice(1)}` };
  },
});

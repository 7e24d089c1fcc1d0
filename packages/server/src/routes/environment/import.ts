import type { EventType } from "@posthaste/core/domain/event-type";
import { invalidField } from "@posthaste/core/domain/errors";
import { Type, type Static } from "typebox";
import { OPENAPI_EVENT_TYPES_MAX } from "../../http-limits.ts";
import { assertMay } from "../../caller.ts";
import { environmentRoute, type Services } from "../../route.ts";
import { compile } from "../../validation.ts";
import { SettingsInternalPatch } from "../environment-settings/schemas.ts";
import { assertSettings, withSettings } from "../environment-settings/settings.ts";
import { changeEventType, EventTypeIn, newEventType } from "../event-type/schemas.ts";
import { named } from "../fields.ts";
import { changeEnvironment } from "./write.ts";

const EnvironmentIn = named(
  "EnvironmentIn",
  Type.Object({
    eventTypes: Type.Optional(
      Type.Unsafe<Static<typeof EventTypeIn>[] | null>({
        type: ["array", "null"],
        items: EventTypeIn,
        maxItems: OPENAPI_EVENT_TYPES_MAX,
        description: "Made, or replaced where there is one of that name. Others stay.",
      }),
    ),
    settings: Type.Optional(
      Type.Unsafe<object | null>({
        type: ["object", "null"],
        additionalProperties: true,
        description: "Set beside those that are set; names that are no settings are passed over.",
      }),
    ),
    connectors: Type.Optional(
      Type.Unsafe<object[] | null>({
        type: ["array", "null"],
        maxItems: 0,
        description: "None: there are no connectors here yet.",
      }),
    ),
  }),
);

const settingsChecker = compile(SettingsInternalPatch);
const SETTINGS_LOC: readonly string[] = ["body", "settings"];

export const importEnvironment = environmentRoute({
  method: "POST",
  path: "/api/v1/environment/import",
  operationId: "v1.environment.import",
  tag: "Environment",
  scope: "write:environment",
  summary: "Import Environment",
  description:
    "Takes in what an environment's export answered, from here or from Svix. Nothing is written unless all of it fits; " +
    "importing twice comes to the same. Needs the permission to write event types as well, when it brings some.",
  body: EnvironmentIn,
  idempotency: "none",
  answers: { 204: null },
  async handle({ caller, environmentId, body }, services) {
    const settings = settingsChecker.check(body.settings ?? {}, SETTINGS_LOC);
    assertSettings(settings, SETTINGS_LOC);
    const types = body.eventTypes ?? [];
    if (types.length > 0) assertMay(caller, { need: "write:event-type", inApplication: false });
    assertDistinct(types);
    const now = services.runtime.clock.now();
    for (const each of types)
      await put(newEventType(each, { environmentId, name: each.name, now }), services);
    if (body.settings !== undefined && body.settings !== null) {
      await changeEnvironment(environmentId, {
        services,
        change: (stored) => withSettings(stored, settings, { replace: false }),
      });
    }
    return { status: 204, text: "" };
  },
});

function assertDistinct(types: readonly { readonly name: string }[]): void {
  const seen = new Set<string>();
  for (const [index, { name }] of types.entries()) {
    if (seen.has(name))
      throw invalidField(["body", "eventTypes", String(index), "name"], "It appears twice.");
    seen.add(name);
  }
}

async function put(eventType: EventType, services: Services): Promise<void> {
  const { environmentId, name } = eventType;
  const { kind } = await services.store.eventTypes.insert(eventType, {});
  if (kind === "inserted") return;
  await changeEventType(
    { environmentId, name },
    { services, change: ({ createdAt, retryScheduleMs }) => ({ ...eventType, createdAt, retryScheduleMs }) },
  );
}

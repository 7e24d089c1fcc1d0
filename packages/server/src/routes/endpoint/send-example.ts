import { invalidField, PosthasteError } from "@posthaste/core/domain/errors";
import type { EventType } from "@posthaste/core/domain/event-type";
import { Type } from "typebox";
import { environmentRoute, type Services } from "../../route.ts";
import { findApplication, findEndpoint } from "../application/find.ts";
import { EndpointPath, Name, named } from "../fields.ts";
import { MessageOut, messageText, shownPayload } from "../message/schemas.ts";

/** Svix's own type for a first try: it need not exist. */
const PING = "svix.ping";
const PING_PAYLOAD = { success: true };

const EventExampleIn = named(
  "EventExampleIn",
  Type.Object({
    eventType: Type.String({
      ...Name,
      description: `Such as order.completed; \`${PING}\` needs no event type.`,
    }),
    exampleIndex: Type.Optional(
      Type.Integer({ minimum: 0, default: 0, description: "Which of the schema's `examples`." }),
    ),
  }),
);

export const sendExample = environmentRoute({
  method: "POST",
  path: "/api/v1/app/:app_id/endpoint/:endpoint_id/send-example",
  operationId: "v1.endpoint.send-example",
  tag: "Endpoint",
  scope: "write:attempt",
  summary: "Send Event Type Example Message",
  description:
    "Sends the example of an event type's newest schema to this endpoint alone, whatever its filters. It is a message " +
    "like any other. 400 when the endpoint is disabled, 422 when the event type has no such example.",
  params: EndpointPath,
  body: EventExampleIn,
  bringsMessages: true,
  idempotency: "engine",
  answers: { 202: MessageOut },
  async handle({ environmentId, params, body, keyed }, services) {
    const { application, endpoints } = await findApplication({ environmentId, params }, services);
    services.quotas.takeMessages(application.id, 1);
    const endpoint = findEndpoint(endpoints, params.endpoint_id);
    if (endpoint.disabled) throw new PosthasteError("endpoint_disabled");
    const payload = await exampleOf({ environmentId, ...body }, services);
    const [outcome] = await services.engine.accept({
      environmentId,
      application: {
        application,
        endpoints: [{ ...endpoint, eventTypes: null, channels: null }],
        pollingEndpoints: [],
      },
      messages: [
        {
          eventType: body.eventType,
          eventId: null,
          channels: null,
          tags: null,
          payloadExpiresAt: null,
          deliverAt: null,
          payload: JSON.stringify(payload),
        },
      ],
      idempotency: keyed,
    });
    if (outcome === undefined || outcome.kind === "conflict")
      throw new PosthasteError("idempotency_conflict");
    const { message } = outcome;
    return { status: 202, text: messageText(message, shownPayload(message, { withContent: true })) };
  },
});

async function exampleOf(
  query: { environmentId: string; eventType: string; exampleIndex?: number },
  { store }: Services,
): Promise<object> {
  const { environmentId, eventType: name, exampleIndex = 0 } = query;
  if (name === PING) return PING_PAYLOAD;
  const eventType = await store.eventTypes.find({ environmentId, name });
  if (eventType === null) {
    throw invalidField(["body", "eventType"], "No event type has this name. Create it, or send another one.");
  }
  const example = examplesOf(eventType)[exampleIndex];
  if (typeof example !== "object" || example === null || Array.isArray(example)) {
    throw invalidField(
      ["body", exampleIndex === 0 ? "eventType" : "exampleIndex"],
      "The newest schema of this event type has no such example. Add it to the schema's `examples`.",
    );
  }
  return example;
}

/** Of the newest version: `examples`, or the one `example` that OpenAPI 3.0 knows. */
function examplesOf({ schemas }: EventType): readonly unknown[] {
  const versions = Object.entries(schemas ?? {}).toSorted(([a], [b]) => Number(b) - Number(a));
  const schema: unknown = versions[0]?.[1];
  if (typeof schema !== "object" || schema === null) return [];
  if ("examples" in schema && Array.isArray(schema.examples)) return schema.examples;
  return "example" in schema ? [schema.example] : [];
}

import { Type } from "typebox";
import { environmentRoute } from "../../route.ts";
import { startedTask } from "../background-task/schemas.ts";
import { standingFields, standingWord } from "../delivery-standing.ts";
import { Channel, EndpointPath, Name, named, nullable, Tag } from "../fields.ts";
import { attemptListFields } from "../attempt/schemas.ts";
import { spanFields, startReplay } from "./replay.ts";

const EVENT_TYPES_MAX = 100;

const BulkReplayIn = named(
  "BulkReplayIn",
  Type.Object({
    ...spanFields,
    eventTypes: Type.Optional(nullable(Type.Array(Name, { maxItems: EVENT_TYPES_MAX, uniqueItems: true }))),
    channel: Type.Optional(nullable({ ...Channel, description: "Only messages on this channel." })),
    tag: Type.Optional(nullable({ ...Tag, description: "Only messages with this tag." })),
    status: Type.Optional(standingFields.status),
    statusCodeClass: attemptListFields.status_code_class,
  }),
);

export const bulkReplay = environmentRoute({
  method: "POST",
  path: "/api/v1/app/:app_id/endpoint/:endpoint_id/bulk-replay",
  operationId: "v1.endpoint.bulk-replay",
  tag: "Endpoint",
  scope: "write:attempt",
  summary: "Bulk Replay",
  description:
    "Sends the messages of the span of time that this endpoint ever got once more, delivered or not, in a background " +
    "task. `status` and `statusCodeClass` narrow by how they stand now; what is still owed comes anyway. 400 when the " +
    "endpoint is disabled.",
  params: EndpointPath,
  body: BulkReplayIn,
  answers: { 202: startedTask("ReplayOut") },
  handle(call, services) {
    const { eventTypes, channel, tag, status, statusCodeClass } = call.body;
    const filter = {
      eventTypes: eventTypes ?? undefined,
      channel: channel ?? undefined,
      tag: tag ?? undefined,
      status: status === undefined ? undefined : standingWord(status),
      statusCodeClass,
    };
    return startReplay(call, { kind: "endpoint.bulk-replay", filter }, services);
  },
});

import { invalidField } from "@posthaste/core/domain/errors";
import { OWED_COUNTED_MAX } from "@posthaste/core/domain/limits";
import { DAY_MS, parseTime } from "@posthaste/core/domain/time";
import { Type } from "typebox";
import { jsonAnswer } from "../../answer.ts";
import { environmentRoute } from "../../route.ts";
import { findApplication, findEndpoint } from "../application/find.ts";
import { tallyAttempts } from "../attempt/tally.ts";
import { EndpointPath, named, Time } from "../fields.ts";

/** As Svix has it. */
const SINCE_DEFAULT_MS = 28 * DAY_MS;

const Count = Type.Integer({ minimum: 0 });
const EndpointStats = named(
  "EndpointStats",
  Type.Object({ success: Count, pending: Count, sending: Count, fail: Count, canceled: Count }),
);

export const getEndpointStats = environmentRoute({
  method: "GET",
  path: "/api/v1/app/:app_id/endpoint/:endpoint_id/stats",
  operationId: "v1.endpoint.get-stats",
  tag: "Endpoint",
  scope: "read:attempt",
  summary: "Endpoint Stats",
  description:
    "Deliveries to an endpoint by how they stand: those that ended between `since` (default: 28 days ago) and `until` " +
    "(default: now), and all that it is still owed. One that was resent counts each time it ended.",
  params: EndpointPath,
  query: Type.Object({
    since: Type.Optional(Type.String({ ...Time, description: "Ended at or after this time." })),
    until: Type.Optional(Type.String({ ...Time, description: "Ended before this time." })),
  }),
  answers: { 200: EndpointStats },
  async handle(call, services) {
    const { application, endpoints } = await findApplication(call, services);
    const { id: endpointId } = findEndpoint(endpoints, call.params.endpoint_id);
    const lane = { appId: application.id, endpointId };
    const now = services.runtime.clock.now();
    const after = timeOf(call.query.since, "since") ?? now - SINCE_DEFAULT_MS;
    const before = timeOf(call.query.until, "until");
    const ended = { success: 0, fail: 0, canceled: 0 };
    await tallyAttempts({ ...lane, after, before, spanMs: null }, services, (each) => {
      // What is tried again has not ended.
      const isOver = each.deliveryState !== "pending" && each.deliveryState !== "paused";
      if (isOver) ended[each.status] += each.count;
    });
    const owed = await services.store.overview.countOwed({ ...lane, now, limit: OWED_COUNTED_MAX });
    return jsonAnswer(200, { ...ended, pending: owed.due + owed.later + owed.paused, sending: owed.held });
  },
});

function timeOf(text: string | undefined, name: string): number | undefined {
  if (text === undefined) return undefined;
  const time = parseTime(text);
  if (time === null)
    throw invalidField(["query", name], "Must be a time with its zone, such as 2026-03-14T09:26:53Z.");
  return time;
}

import { OWED_COUNTED_MAX } from "@posthaste/core/domain/limits";
import { DAY_MS } from "@posthaste/core/domain/time";
import { Type } from "typebox";
import { jsonAnswer } from "../../answer.ts";
import { environmentRoute } from "../../route.ts";
import { findApplication, findEndpoint } from "../application/find.ts";
import { Tally } from "../attempt/tally.ts";
import { EndpointPath, named, Time } from "../fields.ts";
import { timeOf } from "../time-span.ts";

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
    const after = timeOf(call.query.since, ["query", "since"]) ?? now - SINCE_DEFAULT_MS;
    const before = timeOf(call.query.until, ["query", "until"]);
    const ended = { success: 0, fail: 0, canceled: 0 };
    await new Tally(services).attempts({ ...lane, after, before, spanMs: null }, (each) => {
      // What is tried again has not ended.
      const isOver = each.deliveryState !== "pending" && each.deliveryState !== "paused";
      if (isOver) ended[each.status] += each.count;
    });
    const owed = await services.store.overview.countOwed({ ...lane, now, limit: OWED_COUNTED_MAX });
    return jsonAnswer(200, { ...ended, pending: owed.due + owed.later + owed.paused, sending: owed.held });
  },
});

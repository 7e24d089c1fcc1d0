import { Type } from "typebox";
import { environmentRoute } from "../../route.ts";
import { findApplication } from "../application/find.ts";
import { findPollingEndpoint } from "../destination/schemas.ts";
import { Channel, Name, Time } from "../fields.ts";
import { timeOf } from "../time-span.ts";
import { fromIterator } from "./iterator.ts";
import { pollAnswer } from "./answer.ts";
import { readPolled } from "./read.ts";
import { PollerPath, PollingEndpointOut, PollIterator, PollLimit } from "./schemas.ts";

export const poll = environmentRoute({
  method: "GET",
  path: "/api/v1/app/:app_id/poller/:sink_id",
  operationId: "v1.message.poller.poll",
  tag: "Polling",
  scope: "read:poller",
  summary: "Poll",
  description:
    "The next messages of a polling endpoint, from `iterator` on; without one, from the first that is kept, or " +
    "from the first made at or after `after`. Every accepted message comes, in an order that never changes.",
  params: PollerPath,
  query: Type.Object({
    limit: PollLimit,
    iterator: PollIterator,
    event_type: Type.Optional(Name),
    channel: Type.Optional(Channel),
    after: Type.Optional(Time),
  }),
  answers: { 200: PollingEndpointOut },
  async handle(call, services) {
    const { query, params } = call;
    const { application, pollingEndpoints } = await findApplication(call, services);
    const { eventTypes } = findPollingEndpoint(pollingEndpoints, params.sink_id);
    const appId = application.id;
    const since = timeOf(query.after, ["query", "after"]);
    const start = since === undefined ? 0 : await services.store.polling.findPosition({ appId, since });
    const after = query.iterator === undefined ? start : fromIterator(query.iterator);
    const { limit, event_type: eventType, channel } = query;
    return pollAnswer(await readPolled({ appId, after, limit, eventTypes, eventType, channel }, services));
  },
});

import { Type } from "typebox";
import { environmentRoute } from "../../route.ts";
import { findApplication } from "../application/find.ts";
import { pollAnswer } from "./answer.ts";
import { changeConsumer, consumerOf } from "./consumer.ts";
import { fromIterator } from "./iterator.ts";
import { readPolled } from "./read.ts";
import { ConsumerPath, PollingEndpointOut, PollIterator, PollLimit } from "./schemas.ts";

export const consumerPoll = environmentRoute({
  method: "GET",
  path: "/api/v1/app/:app_id/poller/:sink_id/consumer/:consumer_id",
  operationId: "v1.message.poller.consumer-poll",
  tag: "Polling",
  scope: "read:poller",
  summary: "Poll As Consumer",
  description:
    "The next messages of a consumer whose place is kept here. `iterator`, from the last answer, says that what " +
    "came before is done and is remembered; without it the consumer goes on from the last one it gave, so after a " +
    "crash nothing is missed and some messages may come again.",
  params: ConsumerPath,
  query: Type.Object({ limit: PollLimit, iterator: PollIterator }),
  answers: { 200: PollingEndpointOut },
  async handle(call, services) {
    const { query } = call;
    const { key, eventTypes } = consumerOf(await findApplication(call, services), call.params);
    const after = await changeConsumer(key, services, async (stored) => {
      const position = query.iterator === undefined ? stored.position : fromIterator(query.iterator);
      const next = position === stored.position ? null : { ...stored, position, leasedTo: 0, leasedUntil: 0 };
      return { next, result: position };
    });
    const { appId } = key;
    return pollAnswer(await readPolled({ appId, after, limit: query.limit, eventTypes }, services));
  },
});

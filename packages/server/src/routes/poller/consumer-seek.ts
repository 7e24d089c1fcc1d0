import { invalidField } from "@posthaste/core/domain/errors";
import { parseTime } from "@posthaste/core/domain/time";
import { Type } from "typebox";
import { jsonAnswer } from "../../answer.ts";
import { environmentRoute } from "../../route.ts";
import { findApplication } from "../application/find.ts";
import { named, Time } from "../fields.ts";
import { changeConsumer, consumerOf } from "./consumer.ts";
import { toIterator } from "./iterator.ts";
import { ConsumerPath, PollingEndpointConsumerSeekOut } from "./schemas.ts";

const PollingEndpointConsumerSeekIn = named(
  "PollingEndpointConsumerSeekIn",
  Type.Object({
    after: { ...Time, description: "The next poll begins with the first message made then or later." },
  }),
);

export const consumerSeek = environmentRoute({
  method: "POST",
  path: "/api/v1/app/:app_id/poller/:sink_id/consumer/:consumer_id/seek",
  operationId: "v1.message.poller.consumer-seek",
  tag: "Polling",
  scope: "write:poller",
  summary: "Move Consumer",
  description: "Moves a consumer to a time, back or forth.",
  params: ConsumerPath,
  body: PollingEndpointConsumerSeekIn,
  answers: { 200: PollingEndpointConsumerSeekOut },
  async handle(call, services) {
    const { key } = consumerOf(await findApplication(call, services), call.params);
    const since = parseTime(call.body.after);
    if (since === null) throw invalidField(["body", "after"], "This is no date and time (RFC 3339).");
    const position = await services.store.polling.findPosition({ appId: key.appId, since });
    await changeConsumer(key, services, async (stored) => ({
      next: { ...stored, position, leasedTo: 0, leasedUntil: 0 },
      result: null,
    }));
    return jsonAnswer(200, { iterator: toIterator(position) });
  },
});

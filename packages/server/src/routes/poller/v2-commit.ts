import { POLLING_SEQUENCE_MAX } from "@posthaste/core/domain/limits";
import { invalidField } from "@posthaste/core/domain/errors";
import { NO_CONTENT } from "../../answer.ts";
import { environmentRoute } from "../../route.ts";
import { findApplication } from "../application/find.ts";
import { changeConsumer, consumerOf } from "./consumer.ts";
import { ConsumerPath, PollerV2CommitIn } from "./schemas.ts";

export const commitV2 = environmentRoute({
  method: "POST",
  path: "/api/v1/app/:app_id/polling-endpoint/:sink_id/consumer/:consumer_id/commit",
  operationId: "v1.message.pollerv2.consumer-commit",
  tag: "Polling",
  scope: "write:poller",
  summary: "Commit Offset",
  description:
    "Says that everything up to this offset is done. One that is lower than before changes nothing; one that was " +
    "never given out is refused (422).",
  params: ConsumerPath,
  body: PollerV2CommitIn,
  answers: { 204: null },
  async handle(call, services) {
    const { key } = consumerOf(await findApplication(call, services), call.params);
    const { offset } = call.body;
    const { head } = await services.store.polling.sequence({ appId: key.appId, limit: POLLING_SEQUENCE_MAX });
    if (offset > head) {
      throw invalidField(["body", "offset"], `No message has this offset yet; the last one is ${head}.`);
    }
    await changeConsumer(key, services, async (stored) => ({
      next:
        stored.version > 0 && offset <= stored.position
          ? null
          : { ...stored, position: Math.max(offset, stored.position) },
      result: null,
    }));
    return NO_CONTENT;
  },
});

import { POLLING_LEASE_MAX_MS, POLLING_SEQUENCE_MAX } from "@posthaste/core/domain/limits";
import { nextPosition } from "@posthaste/core/domain/polling-endpoint";
import { Type } from "typebox";
import { environmentRoute } from "../../route.ts";
import { findApplication } from "../application/find.ts";
import { changeConsumer, consumerOf } from "./consumer.ts";
import { readPolled } from "./read.ts";
import { ConsumerPath, PollerV2PollOut, PollLimit } from "./schemas.ts";

const StartingPosition = Type.Unsafe<"earliest" | "latest">({
  type: "string",
  enum: ["earliest", "latest"],
  default: "earliest",
  description: "Where a consumer begins that is used for the first time.",
});

export const pollV2 = environmentRoute({
  method: "GET",
  path: "/api/v1/app/:app_id/polling-endpoint/:sink_id/consumer/:consumer_id",
  operationId: "v1.message.pollerv2.consumer-poll",
  tag: "Polling",
  scope: "read:poller",
  summary: "Poll With Offsets",
  description:
    "The next messages of a consumer, each with its offset; commit the last one's once they are done. With " +
    "`lease_duration_ms` other polls of the consumer go on behind them for that time; if they are not committed by " +
    "then, they come again. Without it they come again until they are committed.",
  params: ConsumerPath,
  query: Type.Object({
    limit: PollLimit,
    lease_duration_ms: Type.Optional(Type.Integer({ minimum: 0, maximum: POLLING_LEASE_MAX_MS })),
    starting_position: Type.Optional(StartingPosition),
  }),
  answers: { 200: PollerV2PollOut },
  async handle(call, services) {
    const { limit, lease_duration_ms: leaseMs = 0, starting_position: starting } = call.query;
    const { key, eventTypes } = consumerOf(await findApplication(call, services), call.params);
    const { appId } = key;
    const { items, done } = await changeConsumer(key, services, async (stored) => {
      const now = services.runtime.clock.now();
      const isNew = stored.version === 0 && starting === "latest";
      const consumer = isNew ? { ...stored, position: await lastPosition() } : stored;
      const after = nextPosition(consumer, now);
      const result = await readPolled({ appId, after, limit, eventTypes }, services);
      const leases = leaseMs > 0 && result.position > after;
      const leased = leases ? { leasedTo: result.position, leasedUntil: now + leaseMs } : {};
      return { next: leases || isNew ? { ...consumer, ...leased } : null, result };
    });
    // Ids, names and channels hold nothing that JSON would escape; the offset goes in front.
    const data = items.map(({ position, text }) => `{"offset":${position},${text.slice(1)}`).join(",");
    return { status: 200, text: `{"data":[${data}],"done":${done}}` };

    async function lastPosition(): Promise<number> {
      const { polling } = services.store;
      for (;;) {
        const { head, more } = await polling.sequence({ appId, limit: POLLING_SEQUENCE_MAX });
        if (!more) return head;
      }
    }
  },
});

import type { Post } from "../ledger.ts";
import { deliveryId, type Validator } from "./validator.ts";

export const oneHolder: Validator = {
  name: "oneHolder",
  promise: "a delivery is never leased to two living processes, nor sent by two at a time",
  watch({ state }, violated) {
    const holders = new Map<string, string>();
    /** What is being sent, and under which lease. */
    const inFlight = new Map<string, { post: Post; leaseId: string | undefined }[]>();
    return {
      on(event) {
        if (event.kind === "leased") {
          const id = deliveryId(event.row);
          const holder = holders.get(id);
          const lease = event.row.leasedBy ?? "";
          if (holder !== undefined) violated(`${id} was leased to ${lease} while ${holder} held it`);
          holders.set(id, lease);
        } else if (event.kind === "released" || event.kind === "ended") {
          holders.delete(deliveryId(event.row));
          // Canceled while it is being sent: a person may ask for it again meanwhile.
          if (event.kind === "ended") inFlight.delete(deliveryId(event.row));
        } else if (event.kind === "claimed") {
          for (const { delivery } of event.claimed) {
            const holder = holders.get(deliveryId(delivery));
            if (holder === event.request.leaseId) continue;
            violated(
              `${deliveryId(delivery)} was handed to ${event.request.leaseId}, but the lease is ${holder ?? "nobody's"}`,
            );
          }
        } else if (event.kind === "posted") {
          const id = deliveryId(event.post);
          const others = (inFlight.get(id) ?? []).filter(({ post }) => post.endedAt === null && canAct(post));
          for (const { post, leaseId } of others) {
            // One that was declared dead, or gave its lease up, may still be at it.
            if (leaseId === undefined || !state.lives(leaseId)) continue;
            violated(
              `${id} was sent by ${event.post.process.name} while ${post.process.name} was sending it`,
            );
          }
          inFlight.set(id, [...others, { post: event.post, leaseId: holders.get(id) }]);
        }
      },
    };
  },
};

function canAct({ process }: Post): boolean {
  return process.alive && !process.stopped;
}

export const lateNeverOverwrites: Validator = {
  name: "lateNeverOverwrites",
  promise: "a settled attempt changes its delivery only while its lease holds",
  watch(_facts, violated) {
    const attempts = new Map<string, number>();
    let freed: { id: string; held: string; attempts: number }[] = [];
    return {
      on(event) {
        if (event.kind === "leased") attempts.set(deliveryId(event.row), event.row.attempts);
        if (event.kind === "released" || event.kind === "ended") {
          const held = event.kind === "released" ? event.held : event.row.leasedBy;
          const id = deliveryId(event.row);
          if (held !== null) freed.push({ id, held, attempts: attempts.get(id) ?? 0 });
        }
        if (event.kind !== "committed") return;
        for (const [index, { delivery, leaseId }] of event.batch.settled.entries()) {
          if (event.result.settled[index] !== true) continue;
          const id = deliveryId(delivery);
          const moved = freed.findLast((one) => one.id === id && one.attempts === delivery.attempts);
          if (moved?.held !== leaseId) {
            violated(`${leaseId} settled ${id}, which was held by ${moved?.held ?? "nobody"}`);
          }
        }
        freed = [];
      },
    };
  },
};

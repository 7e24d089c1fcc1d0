import { RETRY_AFTER_MAX_MS, RETRY_JITTER, THROTTLE_BURST_S } from "../../domain/limits.ts";
import type { Post } from "../ledger.ts";
import type { SettledDelivery } from "../../storage/port.ts";
import { WORLD_EPOCH_MS } from "../world/process.ts";
import { deliveryId, type Facts, HEARD_MS, type Validator } from "./validator.ts";

export const nothingIsEarly: Validator = {
  name: "nothingIsEarly",
  promise: "no attempt comes before its time",
  watch({ world, fleet }, violated) {
    /** The wall time before which the next attempt must not start. */
    const notBefore = new Map<string, number>();
    return {
      on(event) {
        if (event.kind === "hurried" || event.kind === "released" || event.kind === "ended")
          notBefore.delete(deliveryId(event.row));
        if (event.kind === "posted") {
          const id = deliveryId(event.post);
          // The farthest ahead that any clock has been: without steps, exactly the world's.
          const earlyMs = (notBefore.get(id) ?? 0) - (WORLD_EPOCH_MS + world.now + fleet.skew.ahead);
          notBefore.delete(id);
          if (earlyMs > 0) violated(`${id} was sent ${earlyMs.toFixed(0)} ms before its time`);
        }
        if (event.kind !== "committed") return;
        for (const [index, { next, delivery }] of event.batch.settled.entries()) {
          const kept = event.result.settled[index] === true;
          if (kept && next.kind === "retry") notBefore.set(deliveryId(delivery), next.at);
        }
      },
    };
  },
};

export const waitsFollowTheSchedule: Validator = {
  name: "waitsFollowTheSchedule",
  promise: "the wait before a retry is the schedule's, within its jitter, and never shorter than Retry-After",
  watch(facts, violated) {
    const last = new Map<string, Post>();
    return {
      on(event) {
        if (event.kind === "replied") last.set(keyOf(event.post, event.post.process.name), event.post);
        if (event.kind !== "committed") return;
        for (const settled of event.batch.settled) {
          const post = last.get(keyOf(settled.delivery, event.process.name));
          const problem = post === undefined ? null : wrongWait(facts, settled, post);
          if (problem !== null) violated(`${deliveryId(settled.delivery)} ${problem}`);
        }
      },
    };
  },
};

/** A delivery at one process. */
function keyOf(key: { endpointId: string; messageId: string }, process: string): string {
  return `${deliveryId(key)} ${process}`;
}

function wrongWait(facts: Facts, { attempt, next, delivery }: SettledDelivery, post: Post): string | null {
  if (attempt === null || attempt.timestamp !== post.wallAt || post.heardWallAt === null) return null;
  if (next.kind !== "retry" || next.attempts === delivery.attempts) return null;
  const { scenario, state, ledger, world, fleet } = facts;
  const isPatched = ledger.endpoints.some(
    (one) => one.kind === "patch" && one.endpointId === delivery.endpointId,
  );
  const schedule = state.endpoint(delivery)?.entity.retryScheduleMs ?? scenario.retryScheduleMs;
  const base = schedule[next.attempts - 1] ?? 0;
  const waitMs = next.at - post.heardWallAt;
  const askedMs = retryAfterMs(post);
  if (waitMs < askedMs)
    return `is tried again after ${waitMs} ms, though the receiver asked for ${askedMs} ms`;
  const least = Math.max(base * (1 - RETRY_JITTER), askedMs);
  const most = Math.max(base * (1 + RETRY_JITTER), askedMs);
  // A process whose wall clock was set back goes on counting from where that was: from the farthest ahead, at most.
  const countedMs = next.at - (WORLD_EPOCH_MS + world.now + fleet.skew.ahead);
  const isLate = waitMs > most + 1 && countedMs > most + 1;
  if (isPatched || (waitMs >= least - 1 && !isLate)) return null;
  return `is tried again after ${waitMs} ms instead of ${least.toFixed(0)} to ${most.toFixed(0)} ms`;
}

function retryAfterMs({ outcome }: Post): number {
  if (outcome?.kind !== "response") return 0;
  const asked = outcome.headers.find(([name]) => name === "retry-after")?.[1] ?? "0";
  return Math.min(Number(asked) * 1_000, RETRY_AFTER_MAX_MS);
}

interface Bucket {
  tokens: number;
  at: number;
  /** Processes that have sent from it. */
  readonly seen: Set<string>;
}

export const throttleHolds: Validator = {
  name: "throttleHolds",
  promise: "an endpoint's rate is never exceeded by more than the documented burst",
  watch({ world, scenario, state, calmSince }, violated) {
    const buckets = new Map<string, Bucket>();
    /** Until when the rate may be the old one or the new one, by endpoint. */
    const unsureUntil = new Map<string, number>();
    /** Changes that were asked for and not answered well: two at once, and the answer of one says nothing of the other. */
    const open = new Map<string, Set<unknown>>();
    return {
      on(event) {
        if ((event.kind === "asked" || event.kind === "answered") && event.request.kind === "patch") {
          const { endpointId, answer } = event.request;
          const changes = open.get(endpointId) ?? new Set();
          open.set(endpointId, changes.add(event.request));
          if (answer === "done") changes.delete(event.request);
          // A try that was not answered before may still come through, but it is the same change.
          const known =
            changes.size === 0 ? world.now + (scenario.nodes === 1 ? 0 : HEARD_MS) : Number.POSITIVE_INFINITY;
          unsureUntil.set(endpointId, known);
          buckets.delete(endpointId);
        }
        if (event.kind !== "posted") return;
        const { appId, endpointId, process } = event.post;
        const rate = state.endpoint({ appId, endpointId })?.entity.throttleRate ?? null;
        if (rate === null || world.now < (unsureUntil.get(endpointId) ?? 0)) return;
        const isCalm = scenario.nodes === 1 || world.now > calmSince() + HEARD_MS;
        if (!isCalm) {
          buckets.delete(endpointId);
          return;
        }
        const capacity = Math.max(1, rate * THROTTLE_BURST_S);
        const bucket = buckets.get(endpointId) ?? { tokens: capacity, at: world.now, seen: new Set() };
        const earned = ((world.now - bucket.at) / 1_000) * rate;
        // A process that has not served the lane begins with a full bucket.
        const credit = bucket.seen.has(process.name) ? 0 : capacity;
        bucket.seen.add(process.name);
        bucket.tokens = Math.min(capacity, bucket.tokens + earned) + credit - 1;
        bucket.at = world.now;
        buckets.set(endpointId, bucket);
        if (bucket.tokens < -0.01) {
          const beyond = (-bucket.tokens).toFixed(2);
          violated(
            `${endpointId} was sent ${beyond} more than ${rate} a second and the burst of ${capacity}`,
          );
        }
      },
    };
  },
};

import { RETRY_AFTER_MAX_MS, RETRY_JITTER, THROTTLE_BURST_S } from "../../domain/limits.ts";
import { WORLD_EPOCH_MS } from "../world/process.ts";
import { deliveryId, type Validator } from "./validator.ts";

export const scheduleIsHonoured: Validator = {
  name: "scheduleIsHonoured",
  promise: "no attempt comes before its time; waits follow the schedule within its jitter, and Retry-After",
  watch({ world, fleet, state, scenario }, violated) {
    /** The wall time before which the next attempt must not start. */
    const notBefore = new Map<string, number>();
    return {
      on(event) {
        if (event.kind === "hurried") notBefore.delete(deliveryId(event.row));
        else if (event.kind === "released")
          notBefore.set(deliveryId(event.row), event.row.nextAttemptAt ?? 0);
        else if (event.kind === "posted") {
          const at = notBefore.get(deliveryId(event.post)) ?? 0;
          notBefore.delete(deliveryId(event.post));
          // The farthest ahead that any clock has been: without steps, exactly the world's.
          const earlyMs = at - (WORLD_EPOCH_MS + world.now + fleet.skew.ahead);
          if (earlyMs > 0)
            violated(`${deliveryId(event.post)} was sent ${earlyMs.toFixed(0)} ms before its time`);
        } else if (event.kind === "committed") {
          for (const { attempt, next, delivery } of event.batch.settled) {
            if (attempt === null || next.kind !== "retry" || next.attempts === delivery.attempts) continue;
            const problem = wrongWait(attempt, next.at);
            if (problem !== null) violated(`${deliveryId(delivery)} ${problem}`);
          }
        }
      },
    };

    function wrongWait(
      attempt: {
        endpointId: string;
        appId: string;
        timestamp: number;
        durationMs: number;
        statusCode: number;
        detail: { responseHeaders: readonly (readonly [string, string])[] };
      },
      at: number,
    ): string | null {
      const endedAt = attempt.timestamp + attempt.durationMs;
      const waitMs = at - endedAt;
      const asked = attempt.detail.responseHeaders.find(([name]) => name === "retry-after")?.[1];
      const retryAfterMs = asked === undefined ? 0 : Math.min(Number(asked) * 1_000, RETRY_AFTER_MAX_MS);
      const schedules = [
        scenario.retryScheduleMs,
        state.endpoint(attempt)?.entity.retryScheduleMs ?? [],
        ...PATCHED,
      ];
      const waits = schedules.flat();
      // Timers fire late, a stopped process hears late, a clock steps: never is the wait shorter than asked.
      const slackMs = 2 + fleet.skew.ahead - fleet.skew.behind;
      if (waitMs < retryAfterMs - slackMs)
        return `is tried again after ${waitMs} ms, though the receiver asked for ${retryAfterMs} ms`;
      const shortest = Math.min(...waits) * (1 - RETRY_JITTER);
      if (waitMs < shortest - slackMs)
        return `is tried again after ${waitMs} ms, sooner than any schedule says`;
      return null;
    }
  },
};

/** Schedules that clients give endpoints later. */
const PATCHED = [[500], [300, 900], [200], [400, 800, 1_600], [1_000, 1_000]];

export const throttleHolds: Validator = {
  name: "throttleHolds",
  promise: "an endpoint's rate is never exceeded by more than the documented burst",
  watch({ world, scenario, state }, violated) {
    const buckets = new Map<string, { rate: number; tokens: number; at: number; process: string }>();
    /** Requests under way that change an endpoint: until they are answered its rate is the old or the new one. */
    const changing = new Map<string, number>();
    const change = (endpointId: string, by: 1 | -1): void => {
      changing.set(endpointId, (changing.get(endpointId) ?? 0) + by);
      buckets.delete(endpointId);
    };
    return {
      on(event) {
        if (event.kind === "asked" && event.request.kind === "patch") change(event.request.endpointId, 1);
        if (event.kind === "answered" && event.request.kind === "patch" && event.request.answer === "done") {
          // Tries that were not answered before may still come through, but with the same change.
          changing.set(event.request.endpointId, 1);
          change(event.request.endpointId, -1);
        }
        if (event.kind !== "posted") return;
        const { appId, endpointId, process } = event.post;
        const rate = state.endpoint({ appId, endpointId })?.entity.throttleRate ?? null;
        if (rate === null || (changing.get(endpointId) ?? 0) > 0) return;
        const capacity = Math.max(1, rate * THROTTLE_BURST_S);
        const known = buckets.get(endpointId);
        // A new process begins with a full bucket, and so does another node that serves the lane.
        const bucket =
          known?.rate === rate && known.process === process.name
            ? known
            : { rate, tokens: capacity, at: world.now, process: process.name };
        const earned = ((world.now - bucket.at) / 1_000) * rate;
        const tokens = Math.min(capacity, bucket.tokens + earned) - 1;
        buckets.set(endpointId, { ...bucket, tokens, at: world.now });
        if (tokens < -0.01 && scenario.nodes === 1) {
          violated(
            `${endpointId} was sent ${(-tokens).toFixed(2)} more than ${rate} a second and the burst of ${capacity}`,
          );
        }
      },
    };
  },
};

/**
 * The delivery state machine. It alone decides what an attempt's outcome does.
 *
 *   accepted ──► pending ──► sending ──┬─ 2xx ───────────────────────────► succeeded
 *                   ▲                  ├─ 410 ───────────────────────────► failed, endpoint disabled (gone)
 *                   │                  ├─ else, a wait left in the schedule ─┐
 *                   └──────────────────┼──────────── retry due ◄───────────┘
 *                                      ├─ else ──────────────────────────► failed
 *                                      └─ cut by a shutdown ─► pending, not counted
 *   pending ─ endpoint deleted ─► canceled        pending ─ endpoint disabled ─► paused ─ enabled ─► pending
 */
import type { DeliveryState, DueDelivery } from "./delivery.ts";
import { FAILING_DISABLE_AFTER_MS } from "./limits.ts";
import { retryDelayMs } from "./retry-schedule.ts";

export type Outcome =
  | {
      readonly kind: "response";
      readonly statusCode: number;
      readonly retryAfterMs: number | null;
      readonly directive: ReceiverDirective | null;
    }
  | { readonly kind: "failure" }
  | { readonly kind: "interrupted" };

/**
 * What a receiver may ask for beside a failing status, in the response header `webhook-delivery` (Svix's
 * words): no more deliveries at all, or no more attempts of this message.
 */
export type ReceiverDirective = "disable" | "abort-message";

export interface Settlement {
  readonly state: Extract<DeliveryState, "pending" | "succeeded" | "failed">;
  /** Set exactly when `state` is `pending`. */
  readonly nextAttemptAt: number | null;
  /** Attempts counted so far, this one included unless it was interrupted. */
  readonly attempts: number;
  readonly endpoint: EndpointVerdict;
  /** What the lane does next: `slow` is a receiver that asks for less (429, 502, 503, 504). */
  readonly lane: "ok" | "slow" | "fail" | "unknown";
}

export type EndpointVerdict =
  | { readonly kind: "unchanged" }
  /** The first failure after a success, or the first success after a failure. */
  | { readonly kind: "failing_since"; readonly at: number | null }
  | { readonly kind: "disable"; readonly reason: "gone" | "failing" };

const GONE = 410;
const OVERLOADED: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** What becomes of a delivery, its endpoint and its lane after an attempt. */
export function settle(options: {
  delivery: Pick<DueDelivery, "attempts" | "once">;
  outcome: Outcome;
  scheduleMs: readonly number[];
  failingSince: number | null;
  /** Whether an endpoint that fails for long enough is disabled; default yes. */
  disableFailing?: boolean;
  now: number;
  random: number;
}): Settlement {
  const { delivery, outcome, now } = options;
  if (outcome.kind === "interrupted") {
    const { attempts } = delivery;
    const endpoint = { kind: "unchanged" } as const;
    return { state: "pending", nextAttemptAt: now, attempts, endpoint, lane: "unknown" };
  }
  const attempts = delivery.attempts + 1;
  const statusCode = outcome.kind === "response" ? outcome.statusCode : 0;
  if (statusCode >= 200 && statusCode < 300) {
    const endpoint: EndpointVerdict =
      options.failingSince === null ? { kind: "unchanged" } : { kind: "failing_since", at: null };
    return { state: "succeeded", nextAttemptAt: null, attempts, endpoint, lane: "ok" };
  }
  const directive = outcome.kind === "response" ? outcome.directive : null;
  if (statusCode === GONE || directive === "disable") {
    const endpoint = { kind: "disable", reason: "gone" } as const;
    return { state: "failed", nextAttemptAt: null, attempts, endpoint, lane: "fail" };
  }
  const delayMs =
    delivery.once || directive === "abort-message"
      ? null
      : retryDelayMs({
          scheduleMs: options.scheduleMs,
          failedAttempts: attempts,
          retryAfterMs: outcome.kind === "response" ? outcome.retryAfterMs : null,
          random: options.random,
        });
  return {
    state: delayMs === null ? "failed" : "pending",
    nextAttemptAt: delayMs === null ? null : now + delayMs,
    attempts,
    endpoint: verdictOfFailure(options, now),
    lane: laneVerdict(statusCode),
  };
}

function laneVerdict(statusCode: number): Settlement["lane"] {
  if (OVERLOADED.has(statusCode)) return "slow";
  // A 4xx is about this message, not about the receiver's health; 5xx and no answer are.
  return statusCode === 0 || statusCode >= 500 ? "fail" : "ok";
}

function verdictOfFailure(
  { failingSince, disableFailing = true }: { failingSince: number | null; disableFailing?: boolean },
  now: number,
): EndpointVerdict {
  if (failingSince === null) return { kind: "failing_since", at: now };
  if (disableFailing && now - failingSince >= FAILING_DISABLE_AFTER_MS)
    return { kind: "disable", reason: "failing" };
  return { kind: "unchanged" };
}

import { type Attempt, type AttemptDetail, REDACTED } from "../domain/attempt.ts";
import { type Outcome, type ReceiverDirective, settle, type Settlement } from "../domain/delivery-state.ts";
import type { Endpoint } from "../domain/endpoint.ts";
import { ID_PREFIX } from "../domain/ids.ts";
import { ATTEMPT_TIMEOUT_MS, RESPONSE_BODY_STORED_MAX_BYTES } from "../domain/limits.ts";
import { parseRetryAfterMs } from "../domain/retry-schedule.ts";
import { SECOND_MS } from "../domain/time.ts";
import type { Egress, EgressOutcome } from "../egress/egress.ts";
import { type Failure, failure } from "../egress/failure.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { DueClock } from "./due-clock.ts";
import type { Lane, QueuedDelivery } from "./lanes/lane.ts";
import type { Outgoing } from "./outgoing.ts";

const USER_AGENT = "Posthaste/1 (+https://www.standardwebhooks.com)";

/** What came of one attempt, before it is recorded. */
export interface AttemptResult {
  readonly attempt: Attempt;
  readonly settlement: Settlement;
  readonly retryAfterMs: number | null;
  readonly outcome: EgressOutcome;
}

export interface AttemptOptions {
  readonly egress: Egress;
  readonly runtime: Runtime;
  /** What the time of the next attempt is counted by. */
  readonly due: DueClock;
  /** Waits between attempts for endpoints without their own. */
  readonly scheduleMs: readonly number[];
  /** Aborts at the end of a shutdown's drain. */
  readonly signal: AbortSignal;
  /** What the endpoint's transformation made of it; null without one. */
  readonly outgoing: Exclude<Outgoing, { kind: "cancel" }> | null;
}

/**
 * One try of a delivery: sign, POST, and decide what the outcome means. Never rejects. The payload's bytes go
 * out exactly as stored, or as the endpoint's transformation made them, under the message's id and
 * the time of this attempt.
 */
export async function attemptDelivery(
  lane: Lane,
  item: QueuedDelivery & { payload: string },
  { outgoing, ...options }: AttemptOptions,
): Promise<AttemptResult> {
  const { runtime } = options;
  const { endpoint } = lane;
  const startedAt = runtime.clock.now();
  const timestampS = Math.floor(startedAt / SECOND_MS);
  const { messageId } = item.delivery;
  const sent = outgoing?.kind === "send" ? outgoing : null;
  const url = sent?.url ?? endpoint.url;
  // Encoded once, for the signature and for the wire.
  const body = Buffer.from(sent?.payload ?? item.payload);
  const signature = signatureOf(lane, { messageId, body }, startedAt);
  const added = sent === null ? endpoint.headers : { ...endpoint.headers, ...sent.headers };
  const headers: Record<string, string> = {
    ...added,
    "content-type": "application/json",
    "user-agent": USER_AGENT,
    "webhook-id": messageId,
    "webhook-timestamp": String(timestampS),
    ...(signature === null ? {} : { "webhook-signature": signature }),
  };
  const outcome =
    outgoing?.kind === "failed"
      ? unsent(outgoing.failure)
      : signature === null
        ? UNSIGNED
        : await options.egress.post({
            url,
            ...(sent === null ? {} : { method: sent.method }),
            headers,
            body,
            deadlineMs: endpoint.timeoutMs ?? ATTEMPT_TIMEOUT_MS,
            signal: options.signal,
          });
  const meaning = readOutcome(outcome, runtime.clock.now());
  const settlement = settle({
    delivery: item.delivery,
    outcome: meaning,
    scheduleMs: endpoint.retryScheduleMs ?? options.scheduleMs,
    // As it is now: another attempt may have succeeded meanwhile.
    failingSince: lane.endpoint.failingSince,
    now: options.due.now(),
    random: runtime.random.unit(),
  });
  const attempt: Attempt = {
    id: runtime.ids.next(ID_PREFIX.attempt),
    appId: item.delivery.appId,
    endpointId: item.delivery.endpointId,
    messageId,
    url,
    timestamp: startedAt,
    status: settlement.state === "succeeded" ? "success" : "fail",
    trigger: item.delivery.trigger,
    statusCode: outcome.kind === "response" ? outcome.statusCode : 0,
    errorClass: outcome.kind === "failure" ? outcome.errorClass : null,
    durationMs: Math.round(outcome.timings.totalMs),
    deliveryState: settlement.state,
    nextAttemptAt: settlement.nextAttemptAt,
    responseBody:
      outcome.kind === "response"
        ? outcome.body.subarray(0, RESPONSE_BODY_STORED_MAX_BYTES)
        : outcome.message,
    detail: detailOf(added, { headers, outcome }),
  };
  const retryAfterMs = meaning.kind === "response" ? meaning.retryAfterMs : null;
  return { attempt, settlement, retryAfterMs, outcome };
}

/** Null when the stored secrets cannot sign: nothing may leave unsigned. */
function signatureOf(
  lane: Lane,
  { messageId, body }: { messageId: string; body: Uint8Array },
  now: number,
): string | null {
  try {
    return lane.signer(now).sign(messageId, Math.floor(now / SECOND_MS), body);
  } catch {
    return null;
  }
}

/** Recorded like any failed attempt, so that people see it and it goes on once the secret has been rotated. */
const UNSIGNED = unsent(failure("secret_invalid", "the signer refused the stored secrets"));

function unsent(why: Failure): EgressOutcome {
  return {
    kind: "failure",
    ...why,
    timings: { dnsMs: null, connectMs: null, tlsMs: null, firstByteMs: null, totalMs: 0, reused: false },
  };
}

function readOutcome(outcome: EgressOutcome, now: number): Outcome {
  if (outcome.kind === "failure") {
    return { kind: outcome.errorClass === "interrupted" ? "interrupted" : "failure" };
  }
  const { statusCode } = outcome;
  if (statusCode >= 200 && statusCode < 300) {
    return { kind: "response", statusCode, retryAfterMs: null, directive: null };
  }
  const retryAfter = headerOf(outcome.headers, "retry-after");
  return {
    kind: "response",
    statusCode,
    retryAfterMs: retryAfter === null ? null : parseRetryAfterMs(retryAfter, now),
    directive: directiveOf(headerOf(outcome.headers, "webhook-delivery")),
  };
}

function directiveOf(value: string | null): ReceiverDirective | null {
  return value === "disable" || value === "abort-message" ? value : null;
}

function headerOf(headers: readonly (readonly [string, string])[], name: string): string | null {
  return headers.find(([key]) => key === name)?.[1] ?? null;
}

function detailOf(
  added: Endpoint["headers"],
  { headers, outcome: { timings, ...outcome } }: { headers: Record<string, string>; outcome: EgressOutcome },
): AttemptDetail {
  // The store seals them on the endpoint; a copy in the clear with every attempt would undo that.
  for (const name in added) headers[name] = REDACTED;
  return {
    requestHeaders: headers,
    responseHeaders: outcome.kind === "response" ? outcome.headers : [],
    truncated: outcome.kind === "response" && outcome.truncated,
    dnsMs: timings.dnsMs,
    connectMs: timings.connectMs,
    tlsMs: timings.tlsMs,
    firstByteMs: timings.firstByteMs,
    reusedConnection: timings.reused,
  };
}

import { type Attempt, type AttemptDetail, REDACTED } from "../domain/attempt.ts";
import { type Outcome, type ReceiverDirective, settle, type Settlement } from "../domain/delivery-state.ts";
import type { DueDelivery } from "../domain/delivery.ts";
import type { Endpoint } from "../domain/endpoint.ts";
import type { DeliveryRules } from "../domain/environment.ts";
import { ID_PREFIX } from "../domain/ids.ts";
import { ATTEMPT_TIMEOUT_MS, RESPONSE_BODY_STORED_MAX_BYTES } from "../domain/limits.ts";
import { parseRetryAfterMs } from "../domain/retry-schedule.ts";
import { SECOND_MS } from "../domain/time.ts";
import type { TransformedMethod } from "../domain/transformation.ts";
import type { EgressOutcome, EgressRequest } from "../egress/egress.ts";
import { failure, notSent } from "../egress/failure.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { DueClock } from "./due-clock.ts";
import type { EngineObserver } from "./engine.ts";
import type { Lane } from "./lanes/lane.ts";
import type { Outgoing } from "./outgoing.ts";
import type { Receivers } from "./receivers.ts";

const USER_AGENT = "Posthaste/1 (+https://www.standardwebhooks.com)";

/** What came of one attempt, before it is recorded. */
export interface AttemptResult {
  readonly attempt: Attempt;
  readonly settlement: Settlement;
  readonly retryAfterMs: number | null;
  readonly outcome: EgressOutcome;
}

export interface AttemptOptions {
  readonly receivers: Receivers;
  readonly runtime: Runtime;
  /** What the time of the next attempt is counted by. */
  readonly due: DueClock;
  /** Waits between attempts for endpoints without their own. */
  readonly scheduleMs: readonly number[];
  /** Its environment's. */
  readonly rules: DeliveryRules;
  /** Aborts at the end of a shutdown's drain. */
  readonly signal: AbortSignal;
  /** What the endpoint's transformation made of it; null without one. */
  readonly outgoing: Exclude<Outgoing, { kind: "cancel" }> | null;
}

/** The lane of the endpoint, as far as an attempt needs it. */
export type Sender = Pick<Lane, "endpoint" | "signer">;

/**
 * One try of a delivery: sign, POST, and decide what the outcome means. Never rejects. The payload's bytes go
 * out exactly as stored, or as the endpoint's transformation made them, under the message's id and
 * the time of this attempt.
 */
export async function attemptDelivery(
  lane: Sender,
  { delivery, payload }: { readonly delivery: DueDelivery; readonly payload: string },
  options: AttemptOptions,
): Promise<AttemptResult> {
  const { outgoing, rules, runtime } = options;
  const { endpoint } = lane;
  const startedAt = runtime.clock.now();
  const timestampS = Math.floor(startedAt / SECOND_MS);
  const { messageId } = delivery;
  const sent = outgoing?.kind === "send" ? outgoing : null;
  const url = sent?.url ?? endpoint.url;
  // Encoded once, for the signature and for the wire.
  const body = Buffer.from(sent?.payload ?? payload);
  const signature = signatureOf(lane, { messageId, body }, startedAt);
  const added = sent === null ? endpoint.headers : { ...endpoint.headers, ...sent.headers };
  const headers: Record<string, string> = {
    ...added,
    "content-type": "application/json",
    "user-agent": USER_AGENT,
    "webhook-id": messageId,
    "webhook-timestamp": String(timestampS),
  };
  if (signature !== null) headers["webhook-signature"] = signature;
  if (rules.svixHeaders) addSvixNames(headers);
  const outcome =
    outgoing?.kind === "failed"
      ? notSent(outgoing.failure)
      : signature === null
        ? UNSIGNED
        : await options.receivers.post(
            requestOf({ url, headers, body }, sent, {
              timeoutMs: endpoint.timeoutMs,
              signal: options.signal,
            }),
            endpoint,
          );
  const meaning = readOutcome(outcome, runtime.clock.now());
  const settlement = settle({
    delivery,
    outcome: meaning,
    scheduleMs: endpoint.retryScheduleMs ?? options.scheduleMs,
    // As it is now: another attempt may have succeeded meanwhile.
    failingSince: lane.endpoint.failingSince,
    disableFailing: rules.disableFailing,
    now: options.due.now(),
    random: runtime.random.unit(),
  });
  const attempt: Attempt = {
    id: runtime.ids.next(ID_PREFIX.attempt),
    appId: delivery.appId,
    endpointId: delivery.endpointId,
    messageId,
    url,
    timestamp: startedAt,
    status: settlement.state === "succeeded" ? "success" : "fail",
    trigger: delivery.trigger,
    statusCode: outcome.kind === "response" ? outcome.statusCode : 0,
    errorClass: outcome.kind === "failure" ? outcome.errorClass : null,
    durationMs: Math.round(outcome.timings.totalMs),
    deliveryState: settlement.state,
    nextAttemptAt: settlement.nextAttemptAt,
    responseBody:
      outcome.kind === "response"
        ? outcome.body.subarray(0, RESPONSE_BODY_STORED_MAX_BYTES)
        : outcome.message,
    detail: detailOf(endpoint.access?.oauth ? { ...added, authorization: "" } : added, { headers, outcome }),
  };
  const retryAfterMs = meaning.kind === "response" ? meaning.retryAfterMs : null;
  return { attempt, settlement, retryAfterMs, outcome };
}

/** The same id, time and signature once more, under the names that Svix's own library looks for. */
function addSvixNames(headers: Record<string, string>): void {
  for (const part of ["id", "timestamp", "signature"]) {
    const value = headers[`webhook-${part}`];
    if (value !== undefined) headers[`svix-${part}`] = value;
  }
}

function requestOf(
  request: Pick<EgressRequest, "url" | "headers" | "body">,
  sent: { readonly method: TransformedMethod } | null,
  { timeoutMs, signal }: { timeoutMs: number | null; signal: AbortSignal },
): EgressRequest {
  const { url, headers, body } = request;
  const deadlineMs = timeoutMs ?? ATTEMPT_TIMEOUT_MS;
  if (sent === null) return { url, headers, body, deadlineMs, signal };
  return { url, method: sent.method, headers, body, deadlineMs, signal };
}

/** What the observer is told of it. `dispatchLatencyMs`: null when it was not the first attempt. */
export function endOf(
  { attempt, settlement, outcome }: AttemptResult,
  dispatchLatencyMs: number | null,
): Parameters<EngineObserver["attemptEnded"]>[0] {
  const interrupted = outcome.kind === "failure" && outcome.errorClass === "interrupted";
  return {
    outcome: interrupted ? "interrupted" : settlement.state === "succeeded" ? "success" : "fail",
    statusCode: attempt.statusCode,
    errorClass: attempt.errorClass,
    durationMs: outcome.timings.totalMs,
    dispatchLatencyMs,
  };
}

/** Null when the stored secrets cannot sign: nothing may leave unsigned. */
function signatureOf(
  lane: Sender,
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
const UNSIGNED: EgressOutcome = notSent(failure("secret_invalid", "the signer refused the stored secrets"));

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
  { headers, outcome }: { headers: Record<string, string>; outcome: EgressOutcome },
): AttemptDetail {
  const { timings } = outcome;
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

import type { EgressOutcome, EgressRequest } from "../../egress/egress.ts";
import type { EngineObserver, NewMessage } from "../engine.ts";

/** What a scripted receiver answers: a status code, no answer, or an answer that comes when it is told to. */
export type Answer = number | "timeout" | Promise<number> | { status: number; headers: [string, string][] };

/** From now on the receivers answer when they are told to: one entry for each post, in their order. */
export function hanging(harness: { answer: (post: never) => Answer }): PromiseWithResolvers<number>[] {
  const answers: PromiseWithResolvers<number>[] = [];
  harness.answer = () => {
    const answer = Promise.withResolvers<number>();
    answers.push(answer);
    return answer.promise;
  };
  return answers;
}

/** A post that left, as the receiver would have seen it. */
export interface Post extends EgressRequest {
  readonly body: string;
  readonly at: number;
  readonly messageId: string;
}

/** A message, but for what a test changes. */
export const NEW_MESSAGE: NewMessage = {
  eventType: "order.completed",
  eventId: null,
  channels: null,
  tags: null,
  payload: '{"type":"order.completed"}',
  payloadExpiresAt: null,
  deliverAt: null,
};

/** Nobody looks. */
export const SILENT: EngineObserver = {
  messagesAccepted() {},
  attemptEnded() {},
  committed() {},
  leaseLost() {},
  beaten() {},
  leaseReplaced() {},
  tookOver() {},
  endpointDisabled() {},
};

/** What egress makes of an answer. */
export async function outcomeOf(answer: Answer, signal: AbortSignal | undefined): Promise<EgressOutcome> {
  const timings = { dnsMs: null, connectMs: null, tlsMs: null, firstByteMs: 1, totalMs: 1, reused: true };
  const failure = (errorClass: "timeout" | "interrupted"): EgressOutcome => ({
    kind: "failure",
    errorClass,
    message: `It ended as ${errorClass}.`,
    detail: "",
    timings,
  });
  if (answer === "timeout") return failure("timeout");
  if (answer instanceof Promise) {
    const aborted = new Promise<"aborted">((resolve) =>
      signal?.addEventListener("abort", () => resolve("aborted"), { once: true }),
    );
    const first = await Promise.race([answer, aborted]);
    if (first === "aborted") return failure("interrupted");
    return outcomeOf(first, signal);
  }
  const { status, headers } = typeof answer === "number" ? { status: answer, headers: [] } : answer;
  const body = Buffer.from(`answered ${status}`);
  return { kind: "response", statusCode: status, headers, body, truncated: false, timings };
}

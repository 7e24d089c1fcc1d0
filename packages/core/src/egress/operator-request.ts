import type { Timers } from "../runtime/runtime.ts";

/** A request that the operator at the command line asked for, to an address that they named. */
export interface OperatorRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
  /** From the first byte of the request to the last of the answer. */
  readonly deadlineMs: number;
  /** The longest answer that is read; a longer one rejects. */
  readonly replyMaxBytes: number;
}

export interface OperatorReply {
  readonly status: number;
  readonly retryAfter: string | null;
  readonly text: string;
}

/**
 * Sends it; for commands, never for a server. Addresses are not judged: the operator may mean this machine, and no one
 * else has a say in it. Redirects are not followed, so a token goes nowhere but there. Rejects when no answer came.
 */
export async function operatorRequest(request: OperatorRequest, timers: Timers): Promise<OperatorReply> {
  const { method, url, headers, body, deadlineMs, replyMaxBytes } = request;
  const late = new AbortController();
  const cancel = timers.after(deadlineMs, () => late.abort());
  try {
    const answer = await fetch(url, { method, headers, body, redirect: "manual", signal: late.signal });
    const text = await read(answer, replyMaxBytes);
    return { status: answer.status, retryAfter: answer.headers.get("retry-after"), text };
  } finally {
    cancel();
  }
}

async function read({ body }: Response, maxBytes: number): Promise<string> {
  if (body === null) return "";
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of body) {
    length += part.byteLength;
    if (length > maxBytes) throw new Error(`the answer is longer than ${maxBytes} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

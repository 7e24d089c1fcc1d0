import type { CancelTimer, Clock, Timers } from "../runtime/runtime.ts";
import type { AbortFanout } from "./abort-fanout.ts";
import type { ConnectTarget, ConnectTimings } from "./connector.ts";
import {
  RESPONSE_BODY_MAX_BYTES,
  type EgressFailure,
  type EgressOutcome,
  type EgressRequest,
  type EgressTimings,
  type HeaderPairs,
} from "./egress.ts";
import { failure, requestFailure, type Failure } from "./failure.ts";
import { REPLY_WIRE_MAX_BYTES, type Connection, type ConnectionUser } from "./connection.ts";
import type { ConnectionPool, Waiter } from "./pool.ts";
import type { Turns } from "./turns.ts";

/** A reply this long is read to its end, so that its connection can be used again; a longer one is cut off. */
export const RESPONSE_DRAIN_MAX_BYTES = 65_536;
/** 1xx replies before the real one; a sane server sends at most two. */
const INTERIM_RESPONSES_MAX = 16;
/** How often a request that met a closed connection before it was written may ask for a new one. */
const REDIALS_MAX = 2;

const NO_BODY = new Uint8Array(0);
const NO_TIMINGS: ConnectTimings = { dnsMs: null, connectMs: null, tlsMs: null };

export interface AttemptContext {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly pool: ConnectionPool;
  readonly aborts: AbortFanout<Attempt>;
  /** Where writing on a connection that has rested waits for what had arrived on it. */
  readonly turns: Turns;
}

export interface AttemptInput {
  readonly request: EgressRequest;
  readonly target: ConnectTarget;
  /** Of the request: all lines, and the empty one. */
  readonly head: string;
  readonly body: Uint8Array;
  readonly startMs: number;
  readonly resolve: (outcome: EgressOutcome) => void;
}

/**
 * One request from start to outcome, as the connection's user: no stream, no promise but the caller's.
 *
 *   start → (idle connection | dial | wait) → ready → written → head → body → settled
 *
 * Whatever comes first of answer, error, deadline and abort settles it; the rest finds it settled. Once a status
 * line is in, every later trouble only cuts the body short.
 */
export class Attempt implements ConnectionUser, Waiter {
  readonly #context: AttemptContext;
  readonly #input: AttemptInput;
  #cancelDeadline: CancelTimer | null = null;
  #connection: Connection | null = null;
  #settled = false;
  #redials = 0;
  #firstByteMs: number | null = null;
  #interim = 0;
  #statusCode = 0;
  #headers: HeaderPairs = [];
  #chunks: Uint8Array[] | null = null;
  #received = 0;

  constructor(context: AttemptContext, input: AttemptInput) {
    this.#context = context;
    this.#input = input;
  }

  start(): void {
    const { aborts, timers, pool } = this.#context;
    const { signal, deadlineMs } = this.#input.request;
    if (signal?.aborted) return this.interrupt();
    this.#cancelDeadline = timers.after(deadlineMs, () => this.#expire());
    if (signal) aborts.add(signal, this);
    const connection = pool.acquire(this.#input.target, this);
    if (connection) this.ready(connection);
  }

  ready(connection: Connection): void {
    this.#connection = connection;
    if (connection.served > 1) this.#context.turns.wait(this);
    else this.write();
  }

  /** On a connection that has rested only once all that had arrived on it is read: an end, or bytes nobody asked for. */
  write(): void {
    const connection = this.#connection;
    if (this.#settled || connection === null) return;
    if (connection.usable) connection.send(this, this.#input.head, this.#input.body);
    else this.#redial(connection);
  }

  /** It closed before anything was written: that costs nobody an attempt. */
  #redial(connection: Connection): void {
    const { pool } = this.#context;
    pool.discard(connection);
    this.#connection = null;
    this.#redials += 1;
    if (this.#redials <= REDIALS_MAX) return pool.acquireFresh(this.#input.target, this);
    this.#fail(failure("connection_reset", "closed before the request was written"));
  }

  refused(why: Failure, timings: ConnectTimings): void {
    this.#fail(why, timings);
  }

  /** The caller does not want to wait any longer. A status that is already here is still the truth. */
  interrupt(): void {
    if (this.#settled) return;
    if (this.#statusCode > 0) return this.#cutShort();
    const timings = this.#letGo()?.timings;
    this.#fail(failure("interrupted", "aborted by the caller"), timings);
  }

  onFlooded(): void {
    if (this.#settled) return;
    if (this.#statusCode > 0) return this.#cutShort();
    this.#letGo();
    this.#fail(failure("invalid_response", `${REPLY_WIRE_MAX_BYTES} bytes and no complete response head`));
  }

  #expire(): void {
    if (this.#settled) return;
    if (this.#statusCode > 0) return this.#cutShort();
    const waited = this.#letGo();
    const seconds = this.#input.request.deadlineMs / 1_000;
    this.#fail(waited?.why ?? failure("timeout", `no response head within ${seconds} s`), waited?.timings);
  }

  /** Gives back the place in the queue, or closes the connection. */
  #letGo(): { why: Failure; timings: ConnectTimings } | null {
    const { pool } = this.#context;
    if (!this.#connection) return pool.abandon(this.#input.target, this);
    pool.discard(this.#connection);
    return null;
  }

  onReplyStarted(): void {
    this.#firstByteMs ??= this.#context.clock.monotonic() - this.#input.startMs;
  }

  onHead(statusCode: number, headers: HeaderPairs): void {
    if (this.#settled) return;
    if (statusCode < 200) {
      this.#interim++;
      if (this.#interim <= INTERIM_RESPONSES_MAX) return;
      this.#letGo();
      return this.#fail(failure("invalid_response", `more than ${INTERIM_RESPONSES_MAX} interim responses`));
    }
    this.#statusCode = statusCode;
    this.#headers = headers;
  }

  onBody(chunk: Uint8Array): void {
    if (this.#settled) return;
    const room = RESPONSE_BODY_MAX_BYTES - this.#received;
    this.#received += chunk.length;
    if (room > 0) {
      const kept = chunk.length > room ? chunk.subarray(0, room) : chunk;
      if (this.#chunks) this.#chunks.push(kept);
      else this.#chunks = [kept];
    }
    if (this.#received > RESPONSE_DRAIN_MAX_BYTES) this.#cutShort();
  }

  onEnd(): void {
    if (this.#settled) return;
    this.#respond(this.#received > RESPONSE_BODY_MAX_BYTES);
    if (this.#connection) this.#context.pool.release(this.#connection);
  }

  onBroken(error: Error): void {
    if (this.#settled) return;
    if (this.#statusCode > 0) return this.#cutShort();
    if (this.#connection) this.#context.pool.discard(this.#connection);
    this.#fail(requestFailure(error));
  }

  /** The status is known, the rest will not be read. */
  #cutShort(): void {
    this.#respond(true);
    if (this.#connection) this.#context.pool.discard(this.#connection);
  }

  #respond(truncated: boolean): void {
    this.#settle({
      kind: "response",
      statusCode: this.#statusCode,
      headers: this.#headers,
      body: joinChunks(this.#chunks),
      truncated,
      timings: this.#timings(this.#connection?.timings ?? NO_TIMINGS),
    });
  }

  #fail({ errorClass, message, detail }: Failure, timings: ConnectTimings = NO_TIMINGS): void {
    const outcome: EgressFailure = {
      kind: "failure",
      errorClass,
      message,
      detail,
      timings: this.#timings(this.#connection?.timings ?? timings),
    };
    this.#settle(outcome);
  }

  #settle(outcome: EgressOutcome): void {
    this.#settled = true;
    this.#cancelDeadline?.();
    const { request, resolve } = this.#input;
    if (request.signal) this.#context.aborts.remove(request.signal, this);
    resolve(outcome);
  }

  #timings(connect: ConnectTimings): EgressTimings {
    const reused = this.#connection !== null && this.#connection.served > 1;
    const { dnsMs, connectMs, tlsMs } = reused ? NO_TIMINGS : connect;
    const totalMs = this.#context.clock.monotonic() - this.#input.startMs;
    return { dnsMs, connectMs, tlsMs, firstByteMs: this.#firstByteMs, totalMs, reused };
  }
}

/** A copy of its own: the chunks are windows on much larger buffers. */
function joinChunks(chunks: readonly Uint8Array[] | null): Uint8Array {
  const [first] = chunks ?? [];
  if (!chunks || !first) return NO_BODY;
  if (chunks.length === 1) return Uint8Array.from(first);
  const body = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let offset = 0;
  for (const chunk of chunks) {
    body.set(chunk, offset);
    offset += chunk.length;
  }
  return body;
}

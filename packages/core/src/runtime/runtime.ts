/**
 * The seam to everything that is not deterministic. Code outside this folder never reads a clock, draws a
 * random number, sets a timer or makes an id by itself, so a test or a simulation can drive all four.
 */
export interface Runtime {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly ids: Ids;
  readonly log: Log;
}

export interface Clock {
  /** Wall time, milliseconds since the Unix epoch. May step; use it for what people or other systems read. */
  now(): number;
  /** Milliseconds (with fractions) since an arbitrary start. Never steps back; use it for durations. */
  monotonic(): number;
}

/** Stops a timer that has not fired; harmless afterwards. */
export type CancelTimer = () => void;

export interface Timers {
  /** Calls `fn` once, `delayMs` from now. The timer does not keep the process alive. */
  after(delayMs: number, fn: () => void): CancelTimer;
  /** Resolves after `delayMs`, or as soon as `signal` aborts: it never rejects, look at the signal. */
  sleep(delayMs: number, signal: AbortSignal): Promise<void>;
  /** Calls `fn` once, after the input and output that is already waiting has been handled. */
  soon(fn: () => void): void;
}

export interface Random {
  /** Cryptographically strong bytes. */
  bytes(count: number): Uint8Array;
  /** Uniform in [0, 1). */
  unit(): number;
}

export interface Ids {
  /** `prefix` + 27 base-62 characters (KSUID with milliseconds); sorts by time and, in one process, by call. */
  next(prefix: string): string;
}

export interface Log {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
}

/** Never a payload, a secret, a header value or a URL's query. */
export type LogFields = Readonly<Record<string, unknown>>;

import type { Socket } from "node:net";
import { Client } from "undici";
import type { Runtime } from "../runtime/runtime.ts";
import type { Connecting, Connector, ConnectResult, ConnectTarget, ConnectTimings } from "./connector.ts";
import { failure, type Failure } from "./failure.ts";

/** Headers of one reply, names and values together. */
const RESPONSE_HEADERS_MAX_BYTES = 16_384;
/**
 * Bytes of one reply, whatever they are: also those the parser swallows without telling, such as an endless status
 * line or chunk extension, which would keep this process busy until the deadline.
 */
export const RESPONSE_WIRE_MAX_BYTES = 262_144;
/** Taken off a server's keep-alive hint: the request has to arrive before the server closes. */
const KEEP_ALIVE_MARGIN_MS = 1_000;

export interface PoolLimits {
  /** How long an idle connection is kept when the server says nothing; its hint may say otherwise. */
  readonly idleMs: number;
  /** A connection carries no new request after this, so a change of DNS or policy reaches everyone. */
  readonly maxAgeMs: number;
  readonly connectionsPerOrigin: number;
  readonly idleConnections: number;
  readonly origins: number;
}

/** Whoever wants a connection. */
export interface Waiter {
  ready(connection: Connection): void;
  refused(why: Failure, timings: ConnectTimings): void;
  interrupt(): void;
  /** The reply is longer than RESPONSE_WIRE_MAX_BYTES. */
  flooded(): void;
}

const NOTHING_MEASURED: ConnectTimings = { dnsMs: null, connectMs: null, tlsMs: null };

/** The request cannot be written any more, and certainly was not: the connection had closed before. */
export class StaleConnectionError extends Error {
  readonly code = "EGRESS_STALE_CONNECTION";
}

/**
 * One socket and the HTTP client on it, for the life of the socket. The client would open another one by itself;
 * here it gets an error instead, so that each connection is opened by the pool, judged and counted.
 */
export class Connection {
  readonly client: Client;
  readonly socket: Socket;
  readonly origin: Origin;
  readonly openedMs: number;
  readonly timings: ConnectTimings;
  /** The request that has it; null while it is idle. */
  user: Waiter | null = null;
  /** Requests that were given this connection. */
  served = 0;
  /** Left the pool's books. */
  gone = false;
  /** What had been read before the request that has it. */
  #bytesBefore = 0;

  constructor(
    origin: Origin,
    opened: { socket: Socket; timings: ConnectTimings; nowMs: number },
    limits: PoolLimits,
  ) {
    this.origin = origin;
    this.socket = opened.socket;
    this.timings = opened.timings;
    this.openedMs = opened.nowMs;
    let socket: Socket | null = opened.socket;
    this.client = new Client(origin.target.origin, {
      connect: (_target, callback) => {
        const mine = socket;
        socket = null;
        // The client expects the answer later, never within the call.
        queueMicrotask(() => {
          if (!mine || mine.destroyed)
            return callback(new StaleConnectionError("closed before writing"), null);
          callback(null, mine);
          // After the client's own listener, which takes the bytes away.
          mine.on("readable", () => this.#measure());
        });
      },
      allowH2: false,
      useMilo: false,
      pipelining: 1,
      // The one deadline of the request replaces both: they only measure the time between two bytes.
      headersTimeout: 0,
      bodyTimeout: 0,
      maxHeaderSize: RESPONSE_HEADERS_MAX_BYTES,
      keepAliveTimeout: limits.idleMs,
      keepAliveMaxTimeout: limits.maxAgeMs,
      keepAliveTimeoutThreshold: KEEP_ALIVE_MARGIN_MS,
    });
  }

  /** Gives it to a request. */
  lend(user: Waiter): void {
    this.user = user;
    this.served++;
    this.#bytesBefore = this.socket.bytesRead;
  }

  #measure(): void {
    if (this.socket.bytesRead - this.#bytesBefore > RESPONSE_WIRE_MAX_BYTES) this.user?.flooded();
  }
}

/** The connections to one scheme, host and port. Exists only while there is one, or someone waits. */
export class Origin {
  readonly target: ConnectTarget;
  /** Last in, first out: a few stay warm and the rest time out. */
  readonly idle: Connection[] = [];
  /** First in, first out. */
  readonly waiting = new Set<Waiter>();
  readonly connecting = new Map<Waiter, Connecting>();
  /** Idle, in use and being opened. */
  open = 0;

  constructor(target: ConnectTarget) {
    this.target = target;
  }
}

export class ConnectionPool {
  readonly #runtime: Runtime;
  readonly #connector: Connector;
  readonly #limits: PoolLimits;
  readonly #origins = new Map<string, Origin>();
  readonly #connections = new Set<Connection>();
  /** Of all origins, the one that has been idle longest first. */
  readonly #idle = new Set<Connection>();

  constructor(runtime: Runtime, connector: Connector, limits: PoolLimits) {
    this.#runtime = runtime;
    this.#connector = connector;
    this.#limits = limits;
  }

  get stats(): { readonly origins: number; readonly connections: number; readonly idle: number } {
    return { origins: this.#origins.size, connections: this.#connections.size, idle: this.#idle.size };
  }

  /** An idle connection at once, or null: then one of the waiter's methods is called later. */
  acquire(target: ConnectTarget, waiter: Waiter): Connection | null {
    const origin = this.#origin(target);
    const connection = this.#takeIdle(origin, waiter);
    if (!connection) this.#dial(origin, waiter);
    return connection;
  }

  /** Like `acquire`, without the idle connections: for a request that just met a stale one. */
  acquireFresh(target: ConnectTarget, waiter: Waiter): void {
    this.#dial(this.#origin(target), waiter);
  }

  /** The response is complete; whether the connection stays open is seen when it is taken the next time. */
  release(connection: Connection): void {
    connection.user = null;
    const { socket, origin } = connection;
    const aged = this.#runtime.clock.monotonic() - connection.openedMs >= this.#limits.maxAgeMs;
    // Bytes of the request that still wait would be in the way of the next one.
    if (aged || socket.destroyed || socket.writableLength > 0) return this.discard(connection);
    origin.idle.push(connection);
    this.#idle.add(connection);
    if (this.#idle.size > this.#limits.idleConnections) this.#discardOldestIdle();
    // Called from inside the HTTP parser, which may be about to close the socket: hand it on after that.
    if (origin.waiting.size > 0) queueMicrotask(() => this.#serve(origin));
  }

  /** Closes a connection, whatever is going on in it. */
  discard(connection: Connection): void {
    this.#forget(connection);
    connection.socket.destroy();
  }

  /** The waiter gives up before it got a connection. Returns what it was waiting for. */
  abandon(target: ConnectTarget, waiter: Waiter): { why: Failure; timings: ConnectTimings } {
    const origin = this.#origins.get(target.origin);
    const connecting = origin?.connecting.get(waiter);
    if (!origin || !connecting) {
      origin?.waiting.delete(waiter);
      const message = "All connections to this server were busy with earlier requests.";
      return {
        why: failure("connect_timeout", "waited for a connection", message),
        timings: NOTHING_MEASURED,
      };
    }
    const result = { why: connecting.expired(), timings: connecting.timings() };
    connecting.cancel();
    this.#stopConnecting(origin, waiter);
    return result;
  }

  /** Interrupts every request and closes everything; resolves when the sockets are closed. */
  async close(): Promise<void> {
    for (const origin of this.#origins.values()) {
      for (const waiter of [...origin.waiting, ...origin.connecting.keys()]) waiter.interrupt();
    }
    const connections = [...this.#connections];
    for (const { user } of connections) user?.interrupt();
    const closed = connections
      .filter(({ socket }) => !socket.closed)
      .map(({ socket }) => new Promise<void>((resolve) => socket.once("close", () => resolve())));
    for (const connection of connections) this.discard(connection);
    await Promise.all(closed);
  }

  #origin(target: ConnectTarget): Origin {
    let origin = this.#origins.get(target.origin);
    if (origin) return origin;
    if (this.#origins.size >= this.#limits.origins) this.#evictOrigin();
    origin = new Origin(target);
    this.#origins.set(target.origin, origin);
    return origin;
  }

  /**
   * Makes room by closing what was idle longest. When nothing is idle every origin has a request under way,
   * and the number of those is the caller's to bound.
   */
  #evictOrigin(): void {
    for (const { origin } of this.#idle) {
      const connections = origin.idle.slice();
      for (const connection of connections) this.discard(connection);
      return;
    }
  }

  #discardOldestIdle(): void {
    for (const connection of this.#idle) {
      this.discard(connection);
      return;
    }
  }

  #takeIdle(origin: Origin, waiter: Waiter): Connection | null {
    const oldestMs = this.#runtime.clock.monotonic() - this.#limits.maxAgeMs;
    for (;;) {
      const connection = origin.idle.at(-1);
      if (!connection) return null;
      if (connection.socket.destroyed || connection.openedMs <= oldestMs) {
        this.discard(connection);
        continue;
      }
      origin.idle.pop();
      this.#idle.delete(connection);
      connection.lend(waiter);
      return connection;
    }
  }

  #dial(origin: Origin, waiter: Waiter): void {
    // Discarding the last connection of an origin takes it off the books.
    this.#origins.set(origin.target.origin, origin);
    if (origin.open >= this.#limits.connectionsPerOrigin) {
      origin.waiting.add(waiter);
      return;
    }
    origin.open++;
    const connecting = this.#connector.connect(origin.target, (result) =>
      this.#opened(origin, waiter, result),
    );
    origin.connecting.set(waiter, connecting);
  }

  #opened(origin: Origin, waiter: Waiter, result: ConnectResult): void {
    if (!result.ok) {
      this.#stopConnecting(origin, waiter);
      return waiter.refused(result.failure, result.timings);
    }
    origin.connecting.delete(waiter);
    const nowMs = this.#runtime.clock.monotonic();
    const connection = new Connection(origin, { ...result, nowMs }, this.#limits);
    this.#connections.add(connection);
    result.socket.once("close", () => this.#forget(connection));
    connection.lend(waiter);
    waiter.ready(connection);
  }

  #stopConnecting(origin: Origin, waiter: Waiter): void {
    origin.connecting.delete(waiter);
    origin.open--;
    this.#serve(origin);
  }

  #forget(connection: Connection): void {
    if (connection.gone) return;
    connection.gone = true;
    const { origin } = connection;
    this.#connections.delete(connection);
    if (this.#idle.delete(connection)) origin.idle.splice(origin.idle.lastIndexOf(connection), 1);
    origin.open--;
    this.#serve(origin);
  }

  /** Gives what became free to those who wait, and ends an origin that has nothing left. */
  #serve(origin: Origin): void {
    for (const waiter of origin.waiting) {
      const connection = this.#takeIdle(origin, waiter);
      if (!connection && origin.open >= this.#limits.connectionsPerOrigin) return;
      origin.waiting.delete(waiter);
      if (connection) waiter.ready(connection);
      else this.#dial(origin, waiter);
    }
    if (origin.open === 0 && origin.waiting.size === 0) this.#origins.delete(origin.target.origin);
  }
}

import type { Runtime } from "../runtime/runtime.ts";
import { Connection } from "./connection.ts";
import type { Connecting, Connector, ConnectResult, ConnectTarget, ConnectTimings } from "./connector.ts";
import { failure, type Failure } from "./failure.ts";

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
}

const NOTHING_MEASURED: ConnectTimings = { dnsMs: null, connectMs: null, tlsMs: null };

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
  readonly #connections = new Map<Connection, Origin>();
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
    const connection = this.#takeIdle(origin);
    if (!connection) this.#dial(origin, waiter);
    return connection;
  }

  /** Like `acquire`, without the idle connections: for a request that just met a stale one. */
  acquireFresh(target: ConnectTarget, waiter: Waiter): void {
    this.#dial(this.#origin(target), waiter);
  }

  /** The reply is complete: the connection waits for another request, if it may carry one. */
  release(connection: Connection): void {
    const origin = this.#connections.get(connection);
    const aged = this.#runtime.clock.monotonic() - connection.openedMs >= this.#limits.maxAgeMs;
    if (!origin || aged || !connection.reusable) return this.discard(connection);
    connection.rest();
    origin.idle.push(connection);
    this.#idle.add(connection);
    if (this.#idle.size > this.#limits.idleConnections) this.#discardOldestIdle();
    // Not within the call that told of the reply's end: its caller has not finished with it.
    if (origin.waiting.size > 0) queueMicrotask(() => this.#serve(origin));
  }

  /** Closes a connection, whatever is going on in it. */
  discard(connection: Connection): void {
    this.#forget(connection);
    connection.leave();
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
    const connections = [...this.#connections.keys()];
    for (const connection of connections) connection.interrupt();
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
    for (const oldest of this.#idle) {
      const connections = this.#connections.get(oldest)?.idle.slice() ?? [];
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

  #takeIdle(origin: Origin): Connection | null {
    const nowMs = this.#runtime.clock.monotonic();
    const oldestMs = nowMs - this.#limits.maxAgeMs;
    for (;;) {
      const connection = origin.idle.at(-1);
      if (!connection) return null;
      if (!connection.usable || connection.expired(nowMs) || connection.openedMs <= oldestMs) {
        this.discard(connection);
        continue;
      }
      origin.idle.pop();
      this.#idle.delete(connection);
      connection.served += 1;
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
    const connection = new Connection(this.#runtime, result, this.#limits.idleMs);
    this.#connections.set(connection, origin);
    result.socket.once("close", () => this.#forget(connection));
    connection.served += 1;
    waiter.ready(connection);
  }

  #stopConnecting(origin: Origin, waiter: Waiter): void {
    origin.connecting.delete(waiter);
    origin.open--;
    this.#serve(origin);
  }

  #forget(connection: Connection): void {
    const origin = this.#connections.get(connection);
    if (!origin) return;
    this.#connections.delete(connection);
    if (this.#idle.delete(connection)) origin.idle.splice(origin.idle.lastIndexOf(connection), 1);
    origin.open--;
    this.#serve(origin);
  }

  /** Gives what became free to those who wait, and ends an origin that has nothing left. */
  #serve(origin: Origin): void {
    for (const waiter of origin.waiting) {
      const connection = this.#takeIdle(origin);
      if (!connection && origin.open >= this.#limits.connectionsPerOrigin) return;
      origin.waiting.delete(waiter);
      if (connection) waiter.ready(connection);
      else this.#dial(origin, waiter);
    }
    if (origin.open === 0 && origin.waiting.size === 0) this.#origins.delete(origin.target.origin);
  }
}

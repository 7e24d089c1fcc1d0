import type { Socket } from "node:net";
import type { CancelTimer, Runtime } from "../runtime/runtime.ts";
import type { ConnectTimings } from "./connector.ts";
import { InvalidReply, ReplyReader, type ReplyHandler } from "./reply-reader.ts";

/**
 * Bytes of one reply, whatever they are: also those that are read without being told, such as a chunk extension
 * that never ends.
 */
export const REPLY_WIRE_MAX_BYTES = 262_144;
/** Taken off a server's keep-alive hint: the request has to arrive before the server closes. */
const KEEP_ALIVE_MARGIN_MS = 1_000;
/** A request this long is written beside its head, a shorter one in one piece with it. */
const JOINED_BODY_MAX_BYTES = 65_536;

/** Whoever has the connection: the reply's handler, told of troubles too. */
export interface ConnectionUser extends ReplyHandler {
  /** The first byte of the answer is here. */
  onReplyStarted(): void;
  /** The reply is complete. */
  onEnd(): void;
  /** The connection is of no use any more, and the reply will not come, or not to its end. */
  onBroken(error: Error): void;
  /** The reply is longer than REPLY_WIRE_MAX_BYTES. */
  onFlooded(): void;
  /** Everything is being closed. */
  interrupt(): void;
}

/** The server closed the connection, or the network did. */
export class ConnectionClosed extends Error {
  override readonly name = "ConnectionClosed";
}

/**
 * One socket, for its life: writes one request, reads its reply, and then waits for the next. Strictly in turn, so
 * that no reply can be taken for that of another request.
 */
export class Connection {
  readonly socket: Socket;
  readonly openedMs: number;
  readonly timings: ConnectTimings;
  /** Requests that were given this connection. */
  served = 0;
  readonly #runtime: Runtime;
  readonly #idleMs: number;
  readonly #reader = new ReplyReader();
  #user: ConnectionUser | null = null;
  #bytes = 0;
  #error: Error | null = null;
  #idleUntilMs = 0;
  #cancelIdle: CancelTimer | null = null;

  constructor(runtime: Runtime, opened: { socket: Socket; timings: ConnectTimings }, idleMs: number) {
    this.#runtime = runtime;
    this.socket = opened.socket;
    this.timings = opened.timings;
    this.openedMs = runtime.clock.monotonic();
    this.#idleMs = idleMs;
    const { socket } = this;
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
    socket.on("end", () => this.#ended());
    socket.on("error", (error) => (this.#error = error));
    socket.on("close", () => this.#closed());
  }

  /** Whether a request can be written. */
  get usable(): boolean {
    return this.socket.writable && this.#user === null;
  }

  /** Whether the reply left it fit for another request. */
  get reusable(): boolean {
    const { socket } = this;
    // Bytes of the request that still wait would be in the way of the next one.
    return (
      this.#reader.persistent && socket.writable && socket.writableLength === 0 && this.#patienceMs() > 0
    );
  }

  /** Writes a request; the reply comes to `user`. */
  send(user: ConnectionUser, head: string, body: Uint8Array): void {
    const { socket } = this;
    this.#user = user;
    this.#bytes = 0;
    this.#reader.reset();
    if (body.length > JOINED_BODY_MAX_BYTES) {
      socket.cork();
      socket.write(head, "latin1");
      socket.write(body);
      socket.uncork();
      return;
    }
    const bytes = Buffer.allocUnsafe(head.length + body.length);
    bytes.write(head, 0, "latin1");
    bytes.set(body, head.length);
    socket.write(bytes);
  }

  interrupt(): void {
    this.#user?.interrupt();
  }

  /** Nobody reads the reply any more. */
  leave(): void {
    this.#user = null;
    this.#cancelIdle?.();
  }

  /** Closes itself when nobody has sent anything for as long as the server, or the pool, keeps it. */
  rest(): void {
    const patienceMs = this.#patienceMs();
    this.#idleUntilMs = this.#runtime.clock.monotonic() + patienceMs;
    this.#cancelIdle ??= this.#runtime.timers.after(patienceMs, () => this.#idle());
  }

  /** True: it has rested too long to be trusted. */
  expired(nowMs: number): boolean {
    return nowMs >= this.#idleUntilMs;
  }

  #patienceMs(): number {
    const { keepAliveSeconds } = this.#reader;
    if (keepAliveSeconds === null) return this.#idleMs;
    return keepAliveSeconds * 1_000 - KEEP_ALIVE_MARGIN_MS;
  }

  /** One timer for many rests: a timer for each request would cost more than it is worth. */
  #idle(): void {
    this.#cancelIdle = null;
    if (this.#user !== null) return;
    const leftMs = this.#idleUntilMs - this.#runtime.clock.monotonic();
    if (leftMs <= 0) this.socket.destroy();
    else this.#cancelIdle = this.#runtime.timers.after(leftMs, () => this.#idle());
  }

  #read(chunk: Buffer): void {
    const user = this.#user;
    // Nobody asked: a greeting, or a second reply that the next request must not get.
    if (user === null) return void this.socket.destroy();
    if (this.#bytes === 0) user.onReplyStarted();
    this.#bytes += chunk.length;
    try {
      this.#reader.read(chunk, user);
    } catch (error) {
      if (!(error instanceof InvalidReply)) throw error;
      return this.#break(error);
    }
    if (this.#reader.done) this.#end();
    else if (this.#bytes > REPLY_WIRE_MAX_BYTES) this.#user?.onFlooded();
  }

  /** Only when all that came was read: what lies behind the end forbids another request. */
  #end(): void {
    const user = this.#user;
    this.#user = null;
    user?.onEnd();
  }

  #ended(): void {
    this.#reader.close();
    if (this.#user !== null && this.#reader.done) return this.#end();
    this.#break(new ConnectionClosed("closed by the other side"));
  }

  #closed(): void {
    this.#cancelIdle?.();
    this.#break(this.#error ?? new ConnectionClosed("closed"));
  }

  #break(error: Error): void {
    const user = this.#user;
    this.#user = null;
    this.socket.destroy();
    user?.onBroken(error);
  }
}

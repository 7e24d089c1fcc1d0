import type { Socket } from "node:net";
import type { Answer } from "../answer.ts";
import {
  CONNECTION_TIMEOUT_MS,
  CONNECTIONS_CHECK_MS,
  HEADERS_TIMEOUT_MS,
  KEEP_ALIVE_TIMEOUT_MS,
  LAST_ANSWER_TIMEOUT_MS,
  REQUESTS_PER_SOCKET_MAX,
} from "../http-limits.ts";
import { type PlainRequest, readPlainRequest } from "./plain-request.ts";

export interface PlainHost {
  /** Calls `done` once, now or later. */
  answer(request: PlainRequest, done: (answer: Answer) => void): void;
  print(answer: Answer, how: { closes: boolean }): string;
  /** Node's server takes the connection as if it were new; what was read of it is to be read again. */
  takeOver(socket: Socket): void;
  /** Nothing came in time. */
  expired(socket: Socket): void;
  /** It is not this host's any more. */
  left(connection: PlainConnection): void;
}

/**
 * A client's connection as long as plain requests come on it, one after the other. The first that is anything else goes
 * to Node's server together with the connection, whole and for good.
 */
export class PlainConnection {
  readonly #socket: Socket;
  readonly #host: PlainHost;
  #served = 0;
  /** Looks at it since something moved. */
  #quiet = 0;
  #answering = false;
  /** The client sends nothing more. */
  #ended = false;
  #closing = false;
  readonly #onData = (piece: Buffer): void => this.#read(piece);
  readonly #done = (answer: Answer): void => this.#write(answer);
  readonly #onEnd = (): void => this.#end();
  readonly #onError = (): void => void this.#socket.destroy();
  readonly #onClose = (): void => this.#host.left(this);

  constructor(socket: Socket, host: PlainHost) {
    this.#socket = socket;
    this.#host = host;
    socket.on("data", this.#onData);
    socket.on("end", this.#onEnd);
    socket.on("error", this.#onError);
    socket.on("close", this.#onClose);
  }

  /** Ends with the answer that is under way, or now. */
  close(): void {
    this.#closing = true;
    if (!this.#answering) this.#socket.destroy();
  }

  /** Once in CONNECTIONS_CHECK_MS: a timer for each connection would have to be set anew with each request. */
  look(): void {
    this.#quiet += 1;
    const isNew = this.#served === 0 && !this.#answering;
    const patienceMs = isNew
      ? HEADERS_TIMEOUT_MS
      : this.#answering
        ? CONNECTION_TIMEOUT_MS
        : KEEP_ALIVE_TIMEOUT_MS;
    if (this.#quiet <= patienceMs / CONNECTIONS_CHECK_MS) return;
    if (!isNew) return void this.#socket.destroy();
    this.#socket.off("data", this.#onData);
    this.#host.expired(this.#socket);
  }

  #read(piece: Buffer): void {
    // One after the other: it waits for the answer to the one before.
    if (this.#answering) return this.#putBack(piece);
    const request = readPlainRequest(piece);
    if (request === null) return this.#leave(piece);
    this.#answering = true;
    this.#quiet = 0;
    this.#host.answer(request, this.#done);
  }

  #putBack(piece: Buffer): void {
    this.#socket.pause();
    this.#socket.unshift(piece);
  }

  #write(answer: Answer): void {
    const socket = this.#socket;
    this.#answering = false;
    this.#served += 1;
    this.#quiet = 0;
    const closes = this.#closing || this.#ended || this.#served >= REQUESTS_PER_SOCKET_MAX;
    const text = this.#host.print(answer, { closes });
    if (closes) {
      // What comes now would be done, and nobody told.
      socket.off("data", this.#onData);
      socket.write(text);
      // Whoever does not read it holds up no stop of the server.
      socket.setTimeout(LAST_ANSWER_TIMEOUT_MS, () => socket.destroy());
      return socket.destroySoon();
    }
    // Whoever does not read what they are answered is not read either.
    if (socket.write(text)) socket.resume();
    else socket.pause().once("drain", () => socket.resume());
  }

  #leave(piece: Buffer): void {
    const socket = this.#socket;
    socket.off("data", this.#onData);
    socket.off("end", this.#onEnd);
    socket.off("error", this.#onError);
    socket.off("close", this.#onClose);
    this.#host.left(this);
    this.#putBack(piece);
    this.#host.takeOver(socket);
    // By now Node's server listens; nothing else can have come meanwhile.
    process.nextTick(() => socket.resume());
  }

  #end(): void {
    this.#ended = true;
    if (!this.#answering) this.#socket.end();
  }
}

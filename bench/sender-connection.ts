import { connect, type Socket } from "node:net";
import { EVENT_TYPE, NUMBER_DIGITS, ORDER_ID_PREFIX, PAYLOAD, TIME_DIGITS, writeDigits } from "./event.ts";
import type { Load } from "./generator-commands.ts";
import { APP_DIGITS, appUid } from "./subjects/subject.ts";

const HEAD_END = Buffer.from("\r\n\r\n");
const CONTENT_LENGTH = Buffer.from("\r\ncontent-length: ");
const STATUS_OFFSET = "HTTP/1.1 ".length;

/** One keep-alive connection with one request at a time, whose bytes it owns and patches. */
export class SenderConnection {
  readonly #socket: Socket;
  readonly #request: Buffer;
  readonly #appOffset: number;
  readonly #orderOffsets: readonly number[];
  #head: Buffer | undefined;
  #status = 0;
  #bodyLeft = 0;
  #answered: ((status: number) => void) | undefined;
  onClose: (error: Error) => void = () => undefined;

  static open(load: Load, port: number): Promise<SenderConnection> {
    return new Promise((resolve, reject) => {
      const readBuffer = Buffer.allocUnsafe(65_536);
      const socket: Socket = connect({
        host: "127.0.0.1",
        port,
        noDelay: true,
        // One buffer for the life of the connection instead of a new one for every answer.
        onread: {
          buffer: readBuffer,
          callback: (length) => {
            connection.#receive(readBuffer.subarray(0, length));
            return true;
          },
        },
      });
      const connection = new SenderConnection(socket, requestBytes(load, port));
      socket.once("connect", () => resolve(connection));
      socket.on("error", (error) => {
        reject(error);
        connection.onClose(error);
      });
      socket.on("close", () => connection.onClose(new Error("the subject closed a connection")));
    });
  }

  private constructor(socket: Socket, request: Buffer) {
    this.#socket = socket;
    this.#request = request;
    this.#appOffset = this.#request.indexOf(appUid(0)) + appUid(0).length - APP_DIGITS;
    const offsets: number[] = [];
    for (let at = this.#request.indexOf(ORDER_ID_PREFIX); at >= 0;) {
      offsets.push(at + ORDER_ID_PREFIX.length);
      at = this.#request.indexOf(ORDER_ID_PREFIX, at + 1);
    }
    this.#orderOffsets = offsets;
  }

  send(app: number, firstNumber: number, sentAt: number, answered: (status: number) => void): void {
    this.#answered = answered;
    writeDigits(this.#request, this.#appOffset, APP_DIGITS, app);
    let number = firstNumber;
    for (const offset of this.#orderOffsets) {
      writeDigits(this.#request, offset, TIME_DIGITS, sentAt);
      writeDigits(this.#request, offset + TIME_DIGITS, NUMBER_DIGITS, number);
      number += 1;
    }
    this.#socket.write(this.#request);
  }

  close(): void {
    this.onClose = () => undefined;
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    if (this.#bodyLeft > 0) {
      this.#bodyLeft -= chunk.length;
    } else {
      const input = this.#head === undefined ? chunk : Buffer.concat([this.#head, chunk]);
      const headEnd = input.indexOf(HEAD_END);
      if (headEnd < 0) {
        // The buffer of the socket is used again for the next read.
        this.#head = Buffer.from(input);
        return;
      }
      this.#head = undefined;
      this.#status = Number(input.toString("latin1", STATUS_OFFSET, STATUS_OFFSET + 3));
      this.#bodyLeft = contentLength(input, headEnd) - (input.length - headEnd - HEAD_END.length);
    }
    if (this.#bodyLeft > 0) return;
    this.#bodyLeft = 0;
    const answered = this.#answered;
    this.#answered = undefined;
    answered?.(this.#status);
  }
}

function contentLength(input: Buffer, headEnd: number): number {
  const at = input.indexOf(CONTENT_LENGTH);
  return at < 0 || at > headEnd
    ? 0
    : Number.parseInt(input.toString("latin1", at + CONTENT_LENGTH.length, headEnd), 10);
}

function requestBytes(load: Load, port: number): Buffer {
  const message = `{"eventType":"${EVENT_TYPE}","payload":${PAYLOAD}}`;
  const single = load.batch === 1;
  const body = single ? message : `{"messages":[${Array(load.batch).fill(message).join(",")}]}`;
  const path = `/api/v1/app/${appUid(0)}/msg${single ? "?with_content=false" : "/batch"}`;
  return Buffer.from(
    [
      `POST ${path} HTTP/1.1`,
      `host: 127.0.0.1:${port}`,
      `authorization: Bearer ${load.apiKey}`,
      "content-type: application/json",
      `content-length: ${Buffer.byteLength(body)}`,
      "",
      body,
    ].join("\r\n"),
  );
}

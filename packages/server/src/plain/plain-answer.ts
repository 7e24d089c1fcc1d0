// oxlint-disable-next-line no-restricted-imports -- the names of the statuses: nothing is opened with them
import { STATUS_CODES } from "node:http";
import { SECOND_MS, toHttpDate } from "@posthaste/core/domain/time";
import type { Clock } from "@posthaste/core/runtime/runtime";
import { type Answer, COMMON_HEADERS, JSON_TYPE } from "../answer.ts";
import { KEEP_ALIVE_TIMEOUT_MS, REQUESTS_PER_SOCKET_MAX } from "../http-limits.ts";

const KEEP_ALIVE =
  "\r\nConnection: keep-alive\r\n" +
  `Keep-Alive: timeout=${KEEP_ALIVE_TIMEOUT_MS / SECOND_MS}, max=${REQUESTS_PER_SOCKET_MAX}\r\n\r\n`;
const CLOSE = "\r\nConnection: close\r\n\r\n";

/** Prints answers that have a body as Node's server would, byte for byte. */
export class PlainAnswers {
  readonly #clock: Pick<Clock, "now">;
  #date = "";
  #dateFrom = 0;

  constructor(clock: Pick<Clock, "now">) {
    this.#clock = clock;
  }

  print(answer: Answer, { closes }: { closes: boolean }): string {
    const { status, text, headers } = answer;
    const head =
      status === 202 && headers === undefined ? ACCEPTED + Buffer.byteLength(text) : headOf(answer);
    return `${head}\r\nDate: ${this.#now()}${closes ? CLOSE : KEEP_ALIVE}${text}`;
  }

  /** Printed once for each second: that costs more than all the rest. */
  #now(): string {
    const now = this.#clock.now();
    if (now - this.#dateFrom >= SECOND_MS || now < this.#dateFrom) {
      this.#date = toHttpDate(now);
      this.#dateFrom = now - (now % SECOND_MS);
    }
    return this.#date;
  }
}

/** Of an answer with a body. */
function headOf({ status, text, headers }: Answer): string {
  const length = Buffer.byteLength(text);
  const fields = { ...COMMON_HEADERS, "content-type": JSON_TYPE, ...headers, "content-length": length };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}`);
  return [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? "unknown"}`, ...lines].join("\r\n");
}

/** Nearly every answer, up to its length. */
const ACCEPTED = headOf({ status: 202, text: "{}" }).slice(0, -1);

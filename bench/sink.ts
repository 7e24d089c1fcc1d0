/**
 * The receiver, a process of its own. It reads just enough HTTP/1.1 to find the end of each request and its
 * order id, and answers 204: a framework here would cost more than what is measured. Each endpoint is a port
 * of its own, as each customer's server is an origin of its own; an endpoint can be told never to answer.
 */
import { createServer, type Server, type Socket } from "node:net";
import { nowMicros } from "./clock.ts";
import { answerCommands } from "./commands.ts";
import { NUMBER_DIGITS, ORDER_ID_PREFIX, readDigits, TIME_DIGITS } from "./event.ts";
import { Histogram } from "./histogram.ts";
import type { SinkCommands, SinkReport } from "./sink-commands.ts";

const HEAD_END = Buffer.from("\r\n\r\n");
const LENGTH_NAMES = [Buffer.from("\r\ncontent-length: "), Buffer.from("\r\nContent-Length: ")];
const ORDER_ID = Buffer.from(ORDER_ID_PREFIX);
const NO_CONTENT = Buffer.from("HTTP/1.1 204 No Content\r\n\r\n");
/** Counts per slot of this length show how a rate comes back after a restart. */
const SLOT_MICROS = 100_000;
const SLOTS = 6_000;

const servers: Server[] = [];
const latency = new Histogram();
let hangFrom = Number.POSITIVE_INFINITY;
let countBelow = Number.POSITIVE_INFINITY;
let firstNumber = 0;
let seen = new Uint8Array(0);
let distinct = 0;
let duplicates = 0;
let strays = 0;
let bytes = 0;
let firstAt = 0;
let lastAt = 0;
let slotsFrom = 0;
let slots = new Uint32Array(SLOTS);
let awaited: { readonly distinct: number; readonly resolve: (reached: boolean) => void } | undefined;

function deliver(body: Buffer, from: number, to: number, endpoint: number): void {
  if (endpoint >= countBelow) return;
  const at = body.indexOf(ORDER_ID, from);
  if (at < 0 || at >= to) {
    strays += 1;
    return;
  }
  const now = nowMicros();
  const sentAt = readDigits(body, at + ORDER_ID.length, TIME_DIGITS);
  const index = readDigits(body, at + ORDER_ID.length + TIME_DIGITS, NUMBER_DIGITS) - firstNumber;
  if (index < 0 || index >= seen.length) {
    strays += 1;
    return;
  }
  if (seen[index] === 1) {
    duplicates += 1;
    return;
  }
  seen[index] = 1;
  distinct += 1;
  bytes += to - from;
  if (firstAt === 0) firstAt = now;
  lastAt = now;
  latency.record(now - sentAt);
  const slot = Math.floor((now - slotsFrom) / SLOT_MICROS);
  if (slot < SLOTS) slots[slot]! += 1;
  if (distinct === awaited?.distinct) {
    awaited.resolve(true);
    awaited = undefined;
  }
}

function contentLength(request: Buffer, from: number, headEnd: number): number {
  for (const name of LENGTH_NAMES) {
    const at = request.indexOf(name, from);
    if (at < 0 || at > headEnd) continue;
    let value = 0;
    for (let digit = at + name.length; ; digit += 1) {
      const code = request[digit]!;
      if (code < 48 || code > 57) return value;
      value = value * 10 + (code - 48);
    }
  }
  return 0;
}

function receive(socket: Socket, endpoint: number): void {
  let rest: Buffer | undefined;
  socket.setNoDelay(true);
  // A subject that is killed resets its connections.
  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk: Buffer) => {
    const input = rest === undefined ? chunk : Buffer.concat([rest, chunk]);
    let from = 0;
    for (;;) {
      const headEnd = input.indexOf(HEAD_END, from);
      if (headEnd < 0) break;
      const bodyFrom = headEnd + HEAD_END.length;
      const to = bodyFrom + contentLength(input, from, headEnd);
      if (to > input.length) break;
      from = to;
      if (endpoint >= hangFrom) continue;
      deliver(input, bodyFrom, to, endpoint);
      socket.write(NO_CONTENT);
    }
    rest = from === input.length ? undefined : input.subarray(from);
  });
}

function listen(endpoint: number): Promise<number> {
  const server = createServer((socket) => receive(socket, endpoint));
  servers.push(server);
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", 4_096, () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
}

function report(): SinkReport {
  return {
    distinct,
    duplicates,
    strays,
    bytes,
    firstAt,
    lastAt,
    latencyMs: latency.quantiles(),
    slotMs: SLOT_MICROS / 1000,
    slotsFrom,
    slots: [...slots.subarray(0, Math.max(0, Math.ceil((lastAt - slotsFrom) / SLOT_MICROS)))],
  };
}

answerCommands<SinkCommands>({
  listen: async ({ endpoints }) => {
    while (servers.length < endpoints) await listen(servers.length);
    return servers.map((server) => {
      const address = server.address();
      return typeof address === "object" && address !== null ? address.port : 0;
    });
  },
  behave: (input) => {
    hangFrom = input.hangFrom ?? Number.POSITIVE_INFINITY;
  },
  expect: (input) => {
    firstNumber = input.firstNumber;
    seen = new Uint8Array(input.count);
    countBelow = input.countBelow ?? Number.POSITIVE_INFINITY;
    distinct = 0;
    duplicates = 0;
    strays = 0;
    bytes = 0;
    firstAt = 0;
    lastAt = 0;
    slotsFrom = nowMicros();
    slots = new Uint32Array(SLOTS);
    latency.reset();
  },
  reached: (input) => {
    if (distinct >= input.distinct) return true;
    return new Promise<boolean>((resolve) => {
      const giveUp = setTimeout(() => {
        awaited = undefined;
        resolve(false);
      }, input.timeoutMs);
      awaited = {
        distinct: input.distinct,
        resolve: (reached) => {
          clearTimeout(giveUp);
          resolve(reached);
        },
      };
    });
  },
  report,
});

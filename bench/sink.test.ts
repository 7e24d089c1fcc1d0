import { connect, type Socket } from "node:net";
import { afterEach, expect, test, vi } from "vitest";
import { end } from "./children.ts";
import { nowMicros, sleep } from "./clock.ts";
import { Helper } from "./commands.ts";
import { NUMBER_DIGITS, ORDER_ID_PREFIX, PAYLOAD, TIME_DIGITS, writeDigits } from "./event.ts";
import type { SinkCommands } from "./sink-commands.ts";

const ANSWER = "HTTP/1.1 204 No Content\r\n\r\n";

let sink: Helper<SinkCommands> | undefined;
const sockets: Socket[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  if (sink !== undefined) await end(sink.process);
});

async function startSink(endpoints: number): Promise<{ sink: Helper<SinkCommands>; ports: number[] }> {
  const started = new Helper<SinkCommands>(new URL("./sink.ts", import.meta.url));
  sink = started;
  const ports = await started.ask("listen", { endpoints });
  await started.ask("expect", { firstNumber: 100, count: 10, countBelow: null });
  return { sink: started, ports };
}

function request(number: number, lengthName = "content-length"): string {
  const body = Buffer.from(PAYLOAD);
  const at = body.indexOf(ORDER_ID_PREFIX) + ORDER_ID_PREFIX.length;
  writeDigits(body, at, TIME_DIGITS, nowMicros());
  writeDigits(body, at + TIME_DIGITS, NUMBER_DIGITS, number);
  return `POST /hooks/0 HTTP/1.1\r\nhost: bench\r\n${lengthName}: ${body.length}\r\n\r\n${body.toString()}`;
}

/** Sends the parts one after the other and returns what came back, once that is so many answers. */
async function talk(port: number, parts: readonly string[], answers: number): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  sockets.push(socket);
  socket.setNoDelay(true);
  let received = "";
  socket.on("data", (chunk: Buffer) => {
    received += chunk.toString();
  });
  for (const part of parts) {
    socket.write(part);
    await sleep(20);
  }
  await vi.waitFor(() => expect(received.length).toBeGreaterThanOrEqual(answers * ANSWER.length), 5_000);
  return received;
}

test("every request is answered and every event counted once, however the bytes are cut", async () => {
  const { sink: started, ports } = await startSink(1);
  const first = request(100);
  const cuts = [first.slice(0, 10), first.slice(10, 80), first.slice(80, 300), first.slice(300)];
  expect(await talk(ports[0]!, cuts, 1)).toBe(ANSWER);
  expect(await talk(ports[0]!, [request(101, "Content-Length") + request(102)], 2)).toBe(ANSWER + ANSWER);
  expect(await talk(ports[0]!, [request(101)], 1)).toBe(ANSWER);
  expect(await started.ask("reached", { distinct: 3, timeoutMs: 1_000 })).toBe(true);
  const report = await started.ask("report", null);
  expect(report).toMatchObject({ distinct: 3, duplicates: 1, strays: 0 });
  expect(report.latencyMs.max).toBeGreaterThan(0);
  expect(report.latencyMs.max).toBeLessThan(10_000);
});

test("an endpoint that hangs reads and never answers, and its events do not count", async () => {
  const { sink: started, ports } = await startSink(2);
  await started.ask("behave", { hangFrom: 1 });
  expect(await talk(ports[0]!, [request(100)], 1)).toBe(ANSWER);
  expect(await talk(ports[1]!, [request(101)], 0)).toBe("");
  expect(await started.ask("reached", { distinct: 2, timeoutMs: 50 })).toBe(false);
  expect(await started.ask("report", null)).toMatchObject({ distinct: 1 });
});

test("an event of another measurement is a stray", async () => {
  const { sink: started, ports } = await startSink(1);
  await talk(ports[0]!, [request(99) + request(110)], 2);
  expect(await started.ask("report", null)).toMatchObject({ distinct: 0, strays: 2 });
});

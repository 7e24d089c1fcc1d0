import { expect, test } from "vitest";
import { StoreUnavailable } from "../port.ts";
import { StoreThread } from "./thread.ts";

interface Failing {
  throw(): void;
  exit(): void;
  hang(): void;
  bug(): void;
  fatal(): void;
  unavailable(): void;
  echo(): string;
  close(): void;
}

const SETUP = {
  role: "writer",
  files: { database: "", lock: "", reserve: "", reserveBytes: 0, databaseBytesMax: null },
} as const;

async function setup() {
  const deaths: Error[] = [];
  const thread = await StoreThread.start<Failing>(SETUP, {
    onDeath: (error) => deaths.push(error),
    module: new URL("./testing/failing-worker.ts", import.meta.url),
  });
  return { thread, deaths };
}

test.each(["throw", "exit"] as const)(
  "a thread that dies (%s) rejects all that waits, and is reported once",
  async (how) => {
    const { thread, deaths } = await setup();
    const waiting = [thread.call("hang"), thread.call(how)];
    for (const call of waiting) await expect(call).rejects.toThrow(/out of memory|stopped with code 3/);
    await thread.close();
    expect(deaths).toHaveLength(1);
    await expect(thread.call("echo")).rejects.toBe(deaths[0]);
  },
);

test("a fatal failure ends everything: what waits and what comes later", async () => {
  const { thread, deaths } = await setup();
  const waiting = thread.call("hang");
  await expect(thread.call("fatal")).rejects.toThrow("a fatal failure");
  await expect(waiting).rejects.toThrow("a fatal failure");
  await expect(thread.call("echo")).rejects.toThrow("a fatal failure");
  expect(deaths).toHaveLength(1);
  await thread.abandon(deaths[0]!);
});

test("any other failure is the answer to its own call only", async () => {
  const { thread, deaths } = await setup();
  await expect(thread.call("bug")).rejects.toThrow("a bug failure");
  await expect(thread.call("unavailable")).rejects.toBeInstanceOf(StoreUnavailable);
  expect(await thread.call("echo")).toBe("echo");
  await thread.close();
  expect(deaths).toEqual([]);
});

test("closing answers what was asked before and refuses what comes after", async () => {
  const { thread, deaths } = await setup();
  const before = thread.call("echo");
  const closed = thread.close();
  await expect(thread.call("echo")).rejects.toThrow("the store is closed");
  expect(await before).toBe("echo");
  await closed;
  await thread.close();
  expect(deaths).toEqual([]);
});

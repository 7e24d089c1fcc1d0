import { end } from "../children.ts";
import { sleep } from "../clock.ts";
import { Helper } from "../commands.ts";
import type { BullmqCommands, BullmqStart } from "./bullmq-process.ts";
import { startRedis } from "./redis.ts";
import type { Subject, SubjectOptions } from "./subject.ts";

const API_KEY = "bullmq_key_of_the_bench";
/** Jobs a worker has in hand at once. 50 to 300 measured the same; more is only later. */
const CONCURRENCY = 100;
const SETTLE_MS = 5_000;

/**
 * API and worker are a process each, as BullMQ recommends: on two cores that measured 5–10 % less CPU per event
 * and up to a third more events/s than both in one process.
 */
export async function startBullmq({ endpointUrls, dataDir }: SubjectOptions): Promise<Subject> {
  const redis = await startRedis(dataDir);
  const program = new URL("./bullmq-process.ts", import.meta.url);
  const start: Omit<BullmqStart, "role"> = {
    redisUrl: redis.url,
    queueName: `posthaste-bench-${process.pid}`,
    concurrency: CONCURRENCY,
    apiKey: API_KEY,
    endpointUrls,
  };
  const api = new Helper<BullmqCommands>(program);
  const port = await api.ask("serve", { ...start, role: "api" });
  const worker = new Helper<BullmqCommands>(program);
  await worker.ask("serve", { ...start, role: "worker" });
  const pids = [
    api.process.pid ?? 0,
    worker.process.pid ?? 0,
    ...(redis.pid === undefined ? [] : [redis.pid]),
  ];
  return {
    ports: [port],
    apiKey: API_KEY,
    pids: () => pids,
    checkRecorded: async () => {
      for (let waited = 0; waited < SETTLE_MS; waited += 100) {
        if ((await api.ask("unfinished", null)) === 0) return;
        await sleep(100);
      }
      throw new Error("BullMQ has unfinished jobs");
    },
    stop: async () => {
      await api.ask("obliterate", null);
      await Promise.all([end(api.process), end(worker.process)]);
      await redis.stop();
    },
  };
}

/**
 * What a Node developer builds first: an API that adds one BullMQ job for each endpoint and answers 202 when
 * Redis has it, and a worker that signs and posts. `role` says which half this process is.
 */
import { Queue, Worker } from "bullmq";
import { Redis } from "ioredis";
import { answerCommands } from "../commands.ts";
import { serveApi } from "./api.ts";
import { sendWebhook } from "./webhook.ts";

export interface BullmqStart {
  readonly role: "api" | "worker";
  readonly redisUrl: string;
  readonly queueName: string;
  readonly concurrency: number;
  readonly apiKey: string;
  readonly endpointUrls: readonly string[];
}

export type BullmqCommands = {
  /** The port of the API; 0 for a worker alone. */
  serve: { input: BullmqStart; output: number };
  /** Jobs that are not done. */
  unfinished: { input: null; output: number };
  /** Deletes the queue. */
  obliterate: { input: null; output: void };
};

interface DeliveryJob {
  readonly id: string;
  readonly url: string;
  readonly secret: string;
  readonly payload: unknown;
}

let queue: Queue<DeliveryJob> | undefined;

async function serve(start: BullmqStart): Promise<number> {
  const connect = (): Redis => new Redis(start.redisUrl, { maxRetriesPerRequest: null });
  if (start.role === "worker") {
    work(start, connect());
    return 0;
  }
  const jobs = new Queue<DeliveryJob>(start.queueName, {
    connection: connect(),
    defaultJobOptions: {
      attempts: 8,
      backoff: { type: "exponential", delay: 5_000 },
      removeOnComplete: { count: 1_000 },
      removeOnFail: { count: 5_000 },
    },
  });
  queue = jobs;
  return serveApi({
    apiKey: start.apiKey,
    endpointUrls: start.endpointUrls,
    accept: (message, endpoints) =>
      Promise.all(
        endpoints.map(({ url, secret }) =>
          jobs.add(message.eventType, { id: message.id, url, secret, payload: message.payload }),
        ),
      ),
  });
}

function work(start: BullmqStart, connection: Redis): void {
  const worker = new Worker<DeliveryJob>(
    start.queueName,
    async ({ data }) => {
      await sendWebhook({
        id: data.id,
        url: data.url,
        secret: Buffer.from(data.secret, "base64"),
        body: JSON.stringify(data.payload),
      });
    },
    { connection, concurrency: start.concurrency },
  );
  worker.on("error", (error) => console.error(String(error)));
}

answerCommands<BullmqCommands>({
  serve,
  unfinished: async () =>
    queue === undefined ? 0 : queue.getJobCountByTypes("waiting", "active", "delayed", "prioritized"),
  obliterate: async () => {
    await queue?.obliterate({ force: true });
  },
});

import type { Bench, Sent } from "../bench.ts";
import { median } from "../median.ts";
import { APPLICATIONS, type Options } from "../options.ts";
import { openPosthaste, addEndpoints, endpointUid } from "../subjects/posthaste.ts";
import { makeFolder } from "../children.ts";
import { appUid } from "../subjects/subject.ts";

/** Parts of the live traffic, each measured with and without the replay; the medians are compared. */
const PARTS = 5;
/** Of the rate that all together get: there has to be something that a replay can take. */
const EVERYTHING = null;

interface Live {
  /** Deliveries per second of live events, sent as fast as they are taken. */
  readonly eventsPerSecond: number;
  /** From sent to received at half of the rate without a replay. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface ReplayResult {
  readonly replayed: number;
  readonly alone: Live;
  readonly besideReplay: Live;
  /** Live rate beside the replay over the one without it. */
  readonly rateRatio: number;
}

/** Live traffic of all applications, alone, and while one endpoint gets everything again that it ever got. */
export async function measureReplay(
  bench: Bench,
  options: Options,
  progress: (line: string) => void,
): Promise<ReplayResult> {
  const endpointUrls = await bench.endpointUrls(APPLICATIONS);
  await bench.sink.ask("behave", { hangFrom: null });
  const subject = await openPosthaste(makeFolder(options.dataDir, "posthaste"), APPLICATIONS);
  const { client } = subject.node;
  const send = (events: number, rate: number | null): Promise<Sent> =>
    bench.send(subject, { events, rate, applications: APPLICATIONS, batched: false, untilDelivered: true });
  try {
    await addEndpoints(subject.node, { endpointUrls });
    const replayed = options.replayedMessages;
    const fill = { events: replayed, rate: null, applications: 1, batched: true, untilDelivered: true };
    await bench.send(subject, fill);
    await send(options.warmUpEvents, EVERYTHING);
    const full: Sent[] = [];
    for (let part = 0; part < PARTS; part += 1) full.push(await send(options.replayEvents, EVERYTHING));
    const rate = rateOf(full) / 2;
    const halfEvents = (rate * options.halfLoadMs) / 1000;
    const half = await send(halfEvents, rate);
    const path = `/app/${appUid(0)}/endpoint/${endpointUid(0)}/bulk-replay`;
    const task = await client.post(path, { since: "2020-01-01T00:00:00Z" });
    const besideFull: Sent[] = [];
    for (let part = 0; part < PARTS; part += 1) besideFull.push(await send(options.replayEvents, EVERYTHING));
    const besideHalf = await send(halfEvents, rate);
    const { status } = (await client.get(`/background-task/${taskId(task)}`)) as { status?: unknown };
    if (status !== "running") throw new Error(`the replay ended before it was measured (${String(status)})`);
    const alone = live(full, half);
    const besideReplay = live(besideFull, besideHalf);
    const rateRatio = besideReplay.eventsPerSecond / alone.eventsPerSecond;
    progress(`live traffic kept ${rateRatio.toFixed(2)} of its rate beside a replay of ${replayed}`);
    return { replayed, alone, besideReplay, rateRatio };
  } finally {
    await subject.stop();
  }
}

function taskId(answer: unknown): string {
  const id = typeof answer === "object" && answer !== null && "id" in answer ? answer.id : undefined;
  if (typeof id !== "string") throw new Error(`a replay has no id: ${JSON.stringify(answer)}`);
  return id;
}

function rateOf(parts: readonly Sent[]): number {
  return median(parts.map(({ eventsPerSecond }) => eventsPerSecond));
}

function live(full: readonly Sent[], half: Sent): Live {
  const { p50, p99 } = half.sink.latencyMs;
  return { eventsPerSecond: rateOf(full), p50Ms: p50, p99Ms: p99 };
}

import type { Bench } from "../bench.ts";
import { nowMicros } from "../clock.ts";
import { APPLICATIONS, type Options, PATIENCE_MS } from "../options.ts";
import { peakRssBytes, rssBytes } from "../process-usage.ts";
import { openPosthaste, startPosthaste } from "../subjects/posthaste.ts";
import type { SinkReport } from "../sink-commands.ts";

export interface PendingResult {
  /** Deliveries the server itself counts as pending before it is killed. */
  readonly pending: number;
  readonly acceptedPerSecond: number;
  readonly peakRssBytes: number;
  /** Before the kill, when it only waits. */
  readonly rssBytes: number;
  /** From the start of the process that follows a kill -9. */
  readonly readyMs: number;
  readonly firstDeliveryMs: number;
  /** Until the deliveries of a tenth of a second reach half of the rate of the whole drain. */
  readonly steadyMs: number;
  readonly drainPerSecond: number;
  readonly peakRssAfterRestartBytes: number;
  readonly delivered: number;
  /** Tried by the killed process and due later: not lost. */
  readonly dueLater: number;
}

/** A retry that the first process already booked comes minutes later: it is counted, not waited for. */
const QUIET_MS = 2_000;

/** No endpoint answers while events pile up; the process is killed; the next one finds them all healthy. */
export async function measurePending(bench: Bench, options: Options): Promise<PendingResult> {
  const endpointUrls = await bench.endpointUrls(APPLICATIONS);
  await bench.sink.ask("behave", { hangFrom: 0 });
  const first = await startPosthaste({ endpointUrls, dataDir: options.dataDir });
  let second: typeof first | undefined;
  try {
    const fill = { applications: APPLICATIONS, batched: true, rate: null, untilDelivered: false };
    const { load } = await bench.send(first, { ...fill, events: options.pendingDeliveries });
    const accepted = options.pendingDeliveries;
    const pending = await first.pending();
    const peak = peakRssBytes(first.pids());
    const rss = rssBytes(first.pids());
    await first.kill();
    await bench.sink.ask("behave", { hangFrom: null });
    await bench.expectAgain(accepted);
    second = await openPosthaste(first.folder, APPLICATIONS);
    const drained = await drain(bench, accepted);
    const peakAfter = peakRssBytes(second.pids());
    const dueLater = drained.distinct === accepted ? 0 : await second.pending();
    if (drained.distinct + dueLater < accepted) {
      throw new Error(
        `${accepted} accepted, ${drained.distinct} delivered and ${dueLater} pending: some are lost`,
      );
    }
    return {
      pending,
      acceptedPerSecond: accepted / ((load.endedAt - load.startedAt) / 1e6),
      peakRssBytes: peak,
      rssBytes: rss,
      readyMs: (second.readyAt - second.spawnedAt) / 1000,
      firstDeliveryMs: (drained.firstAt - second.spawnedAt) / 1000,
      steadyMs: steadyMs(drained, second.spawnedAt),
      drainPerSecond: ratePerSecond(drained),
      peakRssAfterRestartBytes: peakAfter,
      delivered: drained.distinct,
      dueLater,
    };
  } finally {
    await (second ?? first).stop();
  }
}

/** Until everything came, or nothing new for a while. */
async function drain(bench: Bench, events: number): Promise<SinkReport> {
  const until = nowMicros() + PATIENCE_MS * 1000;
  for (let before = 0; nowMicros() < until;) {
    if (await bench.sink.ask("reached", { distinct: events, timeoutMs: QUIET_MS })) break;
    const { distinct } = await bench.sink.ask("report", null);
    if (distinct === before && distinct > 0) break;
    before = distinct;
  }
  return bench.sink.ask("report", null);
}

function ratePerSecond(report: SinkReport): number {
  return report.distinct / ((report.lastAt - report.firstAt) / 1e6);
}

function steadyMs(report: SinkReport, spawnedAt: number): number {
  const enough = (ratePerSecond(report) / 2) * (report.slotMs / 1000);
  const slot = report.slots.findIndex((count) => count >= enough);
  return (report.slotsFrom - spawnedAt) / 1000 + (slot + 1) * report.slotMs;
}

import { join } from "node:path";
import type { Context, FaultTest, Verdict } from "../fault-test.ts";
import { startLoad } from "../harness/load.ts";
import { LoopDisk } from "../harness/loop-disk.ts";
import { mixedEvent, mixedPlan } from "../harness/mixed-load.ts";
import { judge } from "../harness/oracle.ts";
import { Scene } from "../harness/scene.ts";
import { Strace } from "../harness/strace.ts";
import { Stalled, until } from "../harness/wait.ts";

/** Which calls fail: the first to the last of a long run, a few of them in a short one. */
const SHORT = [1, 4];
const LONG_MAX = 200;
const CLIENTS = 8;
const DISK_MIB = { short: 256, long: 1_024 };
/** Acknowledged while interruptions go on, and after a full disk has room again. */
const GO_ON = 40;
/** How many writes in a row find the disk full. */
const FULL_FOR = 20;
const EXIT_STORE_FAILED = 70;

interface Fault {
  readonly calls: string;
  readonly error: string;
  readonly when: (call: number) => string;
  /**
   * `stops`: the process ends with code 70. `refuses`: 503, then it accepts again. `nothing`: nobody notices.
   * `nothing or stops`: file calls that are interrupted, which local file systems do not do: SQLite repeats nearly
   * all of them, and what it does not repeat is an I/O error like others.
   */
  readonly effect: "stops" | "refuses" | "nothing" | "nothing or stops";
}

const FAULTS: readonly Fault[] = [
  { calls: "fsync,fdatasync", error: "EIO", when: String, effect: "stops" },
  { calls: "pwrite64", error: "EIO", when: String, effect: "stops" },
  { calls: "pwrite64", error: "ENOSPC", when: (call) => `${call}..${call + FULL_FOR}`, effect: "refuses" },
  { calls: "read,write", error: "EINTR", when: (call) => `${call}+5`, effect: "nothing" },
  { calls: "pwrite64,pread64", error: "EINTR", when: (call) => `${call}+5`, effect: "nothing or stops" },
];

export const t17: FaultTest = {
  id: "T17",
  sentence:
    "a failing disk call stops the process or refuses the event; nothing is acknowledged on top of it",
  backends: ["sqlite"],
  async run(context) {
    const disk = LoopDisk.create(context.folder, DISK_MIB[context.long ? "long" : "short"]);
    try {
      const plan = { endpoints: mixedPlan(), system: { directory: join(disk.path, "data") } };
      return await Scene.run(context, plan, (scene) => run(context, { scene, disk }));
    } finally {
      disk.remove();
    }
  },
};

async function run(context: Context, place: { scene: Scene; disk: LoopDisk }): Promise<Verdict> {
  const { scene, disk } = place;
  const max = context.counts.calls ?? (context.long ? LONG_MAX : null);
  const numbers = max === null ? SHORT : Array.from({ length: max }, (_, index) => index + 1);
  const violations: string[] = [];
  const tried: Record<Fault["effect"], number> = { stops: 0, refuses: 0, nothing: 0, "nothing or stops": 0 };
  disk.sync();
  const load = startLoad(scene, { clients: CLIENTS, next: () => mixedEvent(context.random) });
  try {
    for (const fault of FAULTS) {
      for (const number of numbers) {
        const found = await tryFault(context, { ...place, fault, number });
        if (found !== null) violations.push(`${fault.error} of ${fault.calls} ${number}: ${found}`);
        tried[fault.effect] += 1;
        if (number % 50 === 0) context.say(`${fault.error} of ${fault.calls}: ${number}`);
      }
    }
  } finally {
    await load.stop();
  }
  await scene.drain();
  const { violations: found, figures } = await judge(context, scene, { brokenConnections: true });
  return { violations: [...violations, ...found], figures: { ...tried, ...figures } };
}

interface Trial {
  readonly scene: Scene;
  readonly disk: LoopDisk;
  readonly fault: Fault;
  readonly number: number;
}

/** One fault under load; returns what went wrong. */
async function tryFault(context: Context, { scene, disk, fault, number }: Trial): Promise<string | null> {
  const { node, ledger } = scene;
  const strace = await Strace.attach(
    node.pid,
    fault.calls,
    `error=${fault.error}:when=${fault.when(number)}`,
  );
  const counted = (): number => ledger.acknowledged + ledger.events.length;
  const wait = (what: string, done: () => boolean): Promise<void> =>
    until(what, done, { stallMs: context.stallMs, progress: counted });
  try {
    if (fault.effect === "stops") return await stops(scene, { disk, number });
    const goal = ledger.acknowledged + GO_ON;
    if (fault.effect === "refuses") {
      const refused = (): number => ledger.events.filter(({ outcome }) => outcome === "rejected").length;
      const before = refused();
      await wait("events to be refused", () => refused() > before || !node.running);
    }
    const after = fault.effect === "refuses" ? ledger.acknowledged + GO_ON : goal;
    await wait("events to be accepted", () => ledger.acknowledged >= after || !node.running);
    if (node.running) return null;
    const said = node.output.slice(-1_000);
    await scene.kill(node);
    const code = await node.ended();
    if (fault.effect === "nothing or stops" && code === EXIT_STORE_FAILED) return null;
    return `the process ended with code ${code}: ${said}`;
  } catch (error) {
    if (error instanceof Stalled) return error.message;
    throw error;
  } finally {
    await strace.detach();
    if (!node.running) await scene.start(node);
  }
}

/**
 * It ends by itself; then the power goes too. Whatever was acknowledged after the failed call was not on disk,
 * and would be lost now.
 */
async function stops(
  scene: Scene,
  { disk, number }: { disk: LoopDisk; number: number },
): Promise<string | null> {
  const { node, ledger } = scene;
  const from = ledger.acknowledged;
  // Every acknowledgement takes an fsync and some writes, so the call is reached long before this.
  const enough = from + number * CLIENTS * 4 + 500;
  await until("the process to end", () => !node.running || ledger.acknowledged > enough, {
    stallMs: 20_000,
    progress: () => ledger.events.length,
  });
  const alive = node.running;
  if (!alive) disk.cut();
  await scene.kill(node);
  if (!alive) {
    await disk.unmount();
    disk.mount();
  }
  if (alive) return "it went on as if nothing had happened";
  const code = await node.ended();
  return code === EXIT_STORE_FAILED
    ? null
    : `the process ended with code ${code}: ${node.output.slice(-400)}`;
}

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { brokenArgs } from "../broken/mutants.ts";
import type { Context, FaultTest, Verdict } from "../fault-test.ts";
import { Skip } from "../skip.ts";
import { Refused } from "../harness/api.ts";
import { startLoad } from "../harness/load.ts";
import { LoopDisk } from "../harness/loop-disk.ts";
import { mixedEvent, mixedPlan } from "../harness/mixed-load.ts";
import { judge } from "../harness/oracle.ts";
import { Scene } from "../harness/scene.ts";
import { sleep, until } from "../harness/wait.ts";

const CUTS = { short: 3, long: 200 };
const CLIENTS = 16;
/** The reserve of the store, twice, and room for what a long run stores. */
const DISK_MIB = { short: 256, long: 1_024 };
/** What makes commits return before they are on disk: parts of the program, a setting of PostgreSQL. */
const CONTROLS = {
  sqlite: ["synchronous-normal", "synchronous-off"],
  postgres: ["fsync"],
} as const;
const DAMAGED = /ended with code|not ready in time/;
const BETWEEN = [30, 200] as const;

export const t02: FaultTest = {
  id: "T2",
  sentence: "a power cut at any instant loses nothing that was acknowledged, and without fsync it would",
  backends: ["sqlite", "postgres"],
  async run(context) {
    const cuts = context.counts.cuts ?? CUTS[context.long ? "long" : "short"];
    const result = await onDisk(context, cuts);
    if (context.nodeArgs.length > 0) return result;
    const violations = [...result.violations];
    const figures: Record<string, number | string> = { ...result.figures };
    for (const setting of CONTROLS[context.backend.name]) {
      const lost = await control(context, setting);
      figures[`lost with ${setting}`] = lost;
      if (lost === 0) violations.push(`the cut is not real: with ${setting} it lost nothing`);
    }
    return { violations, figures };
  },
};

/** The same cut, once, on a program or a database that does not wait for the disk: it must lose what it acknowledged. */
async function control(context: Context, setting: string): Promise<number | string> {
  const folder = join(context.folder, `control-${setting}`);
  mkdirSync(folder);
  const careless = { ...context, folder, long: false, stallMs: 5_000 };
  try {
    const { figures } =
      context.backend.name === "sqlite"
        ? await onDisk({ ...careless, nodeArgs: brokenArgs(setting) }, 1)
        : await onDisk(careless, 1, setting);
    return Number(figures["lost"]) + Number(figures["forgotten"]);
  } catch (error) {
    if (error instanceof Skip) throw error;
    // It does not even open its database again, or finds its applications gone.
    if (error instanceof Refused || DAMAGED.test(String(error))) return "all";
    throw error;
  }
}

/** `careless`: a setting of PostgreSQL that is changed behind the program's back, and back after the cut. */
async function onDisk(context: Context, cuts: number, careless: string | null = null): Promise<Verdict> {
  const disk = LoopDisk.create(context.folder, DISK_MIB[context.long ? "long" : "short"]);
  try {
    const plan = { endpoints: mixedPlan(), system: { directory: join(disk.path, "data") } };
    return await Scene.run(context, plan, (scene) => cutRepeatedly(context, { scene, disk, cuts, careless }));
  } finally {
    disk.remove();
  }
}

interface Run {
  readonly scene: Scene;
  readonly disk: LoopDisk;
  readonly cuts: number;
  readonly careless: string | null;
}

async function cutRepeatedly(context: Context, { scene, disk, cuts, careless }: Run): Promise<Verdict> {
  const { random, stallMs } = context;
  const violations: string[] = [];
  const { postgres } = scene.system;
  if (careless !== null) {
    await postgres?.sql(`ALTER SYSTEM SET ${careless} = off`);
    await postgres?.sql("SELECT pg_reload_conf()");
  }
  disk.sync();
  const load = startLoad(scene, { clients: CLIENTS, next: () => mixedEvent(random) });
  try {
    for (let cut = 1; cut <= cuts; cut++) {
      const goal = scene.ledger.acknowledged + random.int(...BETWEEN);
      const progress = (): number => scene.ledger.acknowledged;
      await until("the load to go on", () => progress() >= goal, { stallMs, progress });
      await sleep(random.unit() * 50);
      disk.cut();
      for (const node of scene.system.nodes) await scene.kill(node);
      await postgres?.stop("SIGKILL");
      await disk.unmount();
      disk.mount();
      await postgres?.start(careless === null ? [] : [`${careless}=on`]);
      violations.push(...(await scene.system.checkIntegrity()));
      for (const node of scene.system.nodes) await scene.start(node);
      if (cut % 20 === 0) context.say(`${cut} cuts, ${scene.ledger.acknowledged} acknowledged`);
    }
  } finally {
    await load.stop();
  }
  await scene.drain();
  const { violations: found, figures } = await judge(context, scene);
  return { violations: [...violations, ...found], figures: { cuts, ...figures } };
}

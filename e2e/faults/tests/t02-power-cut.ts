import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { brokenArgs } from "../broken/mutants.ts";
import type { Context, FaultTest, Verdict } from "../fault-test.ts";
import { startLoad } from "../harness/load.ts";
import { LoopDisk } from "../harness/loop-disk.ts";
import { mixedEvent, mixedPlan } from "../harness/mixed-load.ts";
import { judge } from "../harness/oracle.ts";
import { Scene } from "../harness/scene.ts";
import { sleep, Stalled, until } from "../harness/wait.ts";

const CUTS = { short: 3, long: 200 };
const CLIENTS = 16;
/** The reserve of the store, twice, and room for what a long run stores. */
const DISK_MIB = { short: 256, long: 1_024 };
const BETWEEN = [30, 200] as const;

export const t02: FaultTest = {
  id: "T2",
  sentence: "a power cut at any instant loses nothing that was acknowledged, and without fsync it would",
  backends: ["sqlite"],
  async run(context) {
    const cuts = context.counts.cuts ?? CUTS[context.long ? "long" : "short"];
    const result = await onDisk(context, cuts);
    if (context.nodeArgs.length > 0) return result;
    const violations = [...result.violations];
    const figures: Record<string, number | string> = { ...result.figures };
    for (const setting of ["NORMAL", "OFF"]) {
      const lost = await control(context, setting);
      figures[`lost with synchronous=${setting}`] = lost;
      if (lost === 0) violations.push(`the cut is not real: with synchronous=${setting} it lost nothing`);
    }
    return { violations, figures };
  },
};

/** The same cut, once, on a program that does not wait for the disk: it must lose what it acknowledged. */
async function control(context: Context, setting: string): Promise<number | string> {
  const nodeArgs = brokenArgs(`synchronous-${setting.toLowerCase()}`);
  const folder = join(context.folder, `control-${setting.toLowerCase()}`);
  mkdirSync(folder);
  try {
    const { figures } = await onDisk({ ...context, folder, nodeArgs, long: false, stallMs: 5_000 }, 1);
    return Number(figures["lost"]) + Number(figures["forgotten"]);
  } catch (error) {
    // It may not even open its database again.
    if (error instanceof Stalled || !(error instanceof Error)) throw error;
    return "all";
  }
}

async function onDisk(context: Context, cuts: number): Promise<Verdict> {
  const disk = LoopDisk.create(context.folder, DISK_MIB[context.long ? "long" : "short"]);
  try {
    const plan = { endpoints: mixedPlan(), system: { directory: join(disk.path, "data") } };
    return await Scene.run(context, plan, (scene) => cutRepeatedly(context, { scene, disk, cuts }));
  } finally {
    disk.remove();
  }
}

async function cutRepeatedly(
  context: Context,
  { scene, disk, cuts }: { scene: Scene; disk: LoopDisk; cuts: number },
): Promise<Verdict> {
  const { random, stallMs } = context;
  const violations: string[] = [];
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
      disk.unmount();
      disk.mount();
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

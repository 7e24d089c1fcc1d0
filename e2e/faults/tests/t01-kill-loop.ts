import { performance } from "node:perf_hooks";
import type { Context, FaultTest, Verdict } from "../fault-test.ts";
import { startLoad } from "../harness/load.ts";
import { judge } from "../harness/oracle.ts";
import { Scene } from "../harness/scene.ts";
import { sleep, until } from "../harness/wait.ts";
import { mixedPlan, mixedEvent } from "../harness/mixed-load.ts";

const KILLS = { short: 25, long: 500 };
const CLIENTS = 16;
/** Acknowledged between two kills. */
const BETWEEN = { short: [30, 250], long: [100, 400] } as const;
/** One kill in so many hits a process that is still starting. */
const AGAIN_ONE_IN = 6;
const START_AGAIN_MAX_MS = 500;

export const t01: FaultTest = {
  id: "T1",
  sentence: "kill -9 at any instant loses nothing that was acknowledged",
  backends: ["sqlite", "postgres"],
  run: (context) => Scene.run(context, { endpoints: mixedPlan() }, (scene) => run(context, scene)),
};

async function run(context: Context, scene: Scene): Promise<Verdict> {
  const form = context.long ? "long" : "short";
  const kills = context.counts.kills ?? KILLS[form];
  const [from, to] = BETWEEN[form];
  const { random } = context;
  const load = startLoad(scene, { clients: CLIENTS, next: () => mixedEvent(random) });
  let slowestMs = 0;
  let done = 0;
  try {
    while (done < kills) {
      const goal = scene.ledger.acknowledged + random.int(from, to);
      await until("the load to go on", () => scene.ledger.acknowledged >= goal, {
        stallMs: context.stallMs,
        progress: () => scene.ledger.acknowledged,
      });
      await sleep(random.unit() * 20);
      const node = random.pick(scene.system.nodes);
      await scene.kill(node);
      done += 1;
      while (done < kills && random.int(1, AGAIN_ONE_IN) === 1) {
        await scene.launch(node);
        await sleep(random.unit() * START_AGAIN_MAX_MS);
        await scene.kill(node);
        done += 1;
      }
      const startedAt = performance.now();
      await scene.start(node);
      slowestMs = Math.max(slowestMs, performance.now() - startedAt);
      if (done % 50 === 0) context.say(`${done} kills, ${scene.ledger.acknowledged} acknowledged`);
    }
  } finally {
    await load.stop();
  }
  await scene.drain();
  const { violations, figures } = await judge(context, scene);
  for (const node of scene.system.nodes) await node.end("SIGTERM");
  violations.push(...(await scene.system.checkIntegrity()));
  return { violations, figures: { kills: done, ...figures, "slowest restart ms": Math.round(slowestMs) } };
}

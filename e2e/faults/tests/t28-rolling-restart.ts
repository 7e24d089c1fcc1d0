import type { Context, FaultTest, Verdict } from "../fault-test.ts";
import { startLoad } from "../harness/load.ts";
import { judge } from "../harness/oracle.ts";
import type { Hit, Reply } from "../harness/receiver.ts";
import { type EndpointPlan, Scene } from "../harness/scene.ts";
import { until } from "../harness/wait.ts";

const RESTARTS = { short: 5, long: 100 };
const CLIENTS = 12;
/** Acknowledged between two stops. */
const BETWEEN = [80, 250] as const;
const APPS = ["ana", "ben"];

export const t28: FaultTest = {
  id: "T28",
  sentence: "graceful restarts under load lose nothing, repeat nothing and refuse no client that tries again",
  backends: ["sqlite", "postgres"],
  run: (context) => Scene.run(context, { endpoints: plan() }, (scene) => run(context, scene)),
};

/** Every answer takes its time, so that each stop finds attempts in flight. */
function plan(): EndpointPlan[] {
  return APPS.flatMap((app) => [1, 2].map((index) => ({ app, name: `${app}-${index}`, behaviour: slowly })));
}

function slowly({ number }: Hit, earlier: number): Reply {
  return { status: earlier === 0 && number % 20 === 7 ? 409 : 204, afterMs: 5 + (number % 40) };
}

async function run(context: Context, scene: Scene): Promise<Verdict> {
  const restarts = context.counts.restarts ?? RESTARTS[context.long ? "long" : "short"];
  const { random, stallMs } = context;
  const violations: string[] = [];
  const load = startLoad(scene, {
    clients: CLIENTS,
    next: () => ({ app: random.pick(APPS), eventType: "order.completed" }),
    retrying: true,
  });
  try {
    for (let restart = 0; restart < restarts; restart++) {
      const goal = scene.ledger.acknowledged + random.int(...BETWEEN);
      const progress = (): number => scene.ledger.acknowledged;
      await until("the load to go on", () => progress() >= goal, { stallMs, progress });
      const node = scene.system.nodes[restart % scene.system.nodes.length] ?? scene.node;
      const code = await node.end("SIGTERM");
      if (code !== 0) violations.push(`a graceful stop ended with code ${code}: ${node.output.slice(-500)}`);
      await node.start();
    }
  } finally {
    await load.stop();
  }
  await scene.drain();
  const { violations: found, figures } = await judge(context, scene);
  return { violations: [...violations, ...found], figures: { restarts, ...figures } };
}

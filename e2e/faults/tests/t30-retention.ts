import { conditionArgs } from "../broken/mutants.ts";
import type { Context, FaultTest, Verdict } from "../fault-test.ts";
import { listAll } from "../harness/api.ts";
import { type EventPlan, startLoad } from "../harness/load.ts";
import { judge } from "../harness/oracle.ts";
import { type EndpointPlan, Scene } from "../harness/scene.ts";
import { until } from "../harness/wait.ts";

const OLD_EVENTS = { short: 150, long: 2_500 };
const NEW_EVENTS = 100;
/** Three days ago, and delivered then. */
const DONE = "done";
/** Two days ago. One of its endpoints has been down ever since. */
const STUCK = "stuck";
/** Longer than any run: what is stuck is owed until its endpoint is back. */
const SCHEDULE = Array.from({ length: 20 }, () => "2s").join(",");

export const t30: FaultTest = {
  id: "T30",
  sentence: "retention removes what is old and done, and nothing that is still owed",
  backends: ["sqlite", "postgres"],
  run(context) {
    const then = { ...context, nodeArgs: [...conditionArgs("three-days-ago"), ...context.nodeArgs] };
    const flags = ["--retention-days", "1", "--retry-schedule", SCHEDULE];
    return Scene.run(then, { endpoints: plan(), flags }, (scene) => run(context, scene));
  },
};

function plan(): EndpointPlan[] {
  return [
    { app: DONE, name: "done" },
    { app: STUCK, name: "stuck-works" },
    { app: STUCK, name: "stuck-down", behaviour: () => 503 },
  ];
}

async function run(context: Context, scene: Scene): Promise<Verdict> {
  const count = OLD_EVENTS[context.long ? "long" : "short"];
  const { ledger, receiver, node } = scene;
  const { stallMs } = context;
  await send(scene, DONE, count);
  await scene.drain();
  await restart(scene, [...conditionArgs("two-days-ago"), ...context.nodeArgs]);
  await send(scene, STUCK, count);
  await until("all but the stuck deliveries", async () => (await scene.due()) === count, {
    stallMs,
    progress: () => scene.due(),
  });
  const old = new Set(ledger.events);
  await restart(scene, context.nodeArgs);
  const next = (): EventPlan => ({ app: context.random.pick([DONE, STUCK]), eventType: "order.completed" });
  const load = startLoad(scene, { clients: 2, max: ledger.events.length + NEW_EVENTS, next });
  const oldIds = new Set([...old].map(({ id }) => id));
  // By their ids: of what is posted now, an answer may be lost although the message was stored.
  const left = async (app: string): Promise<number> =>
    (await listAll<{ id: string }>(scene.target(), `/app/${app}/msg?with_content=false`)).filter(({ id }) =>
      oldIds.has(id),
    ).length;
  // A crash in the middle of the pruning changes nothing.
  await until("pruning to begin", async () => (await left(DONE)) < count, { stallMs });
  await scene.kill(node);
  await scene.start(node);
  await load.ended;
  await until("what is done to be pruned", async () => (await left(DONE)) === 0, {
    stallMs,
    progress: () => left(DONE),
  });
  const violations: string[] = [];
  const kept = await left(STUCK);
  if (kept < count) violations.push(`${count - kept} messages are gone although they are owed`);
  receiver.behave("stuck-down", () => 204);
  await scene.drain();
  const { violations: found, figures } = await judge(context, scene, { forgets: (event) => old.has(event) });
  return {
    violations: [...violations, ...found],
    figures: { "owed through the pruning": count, pruned: count, ...figures },
  };
}

async function send(scene: Scene, app: string, count: number): Promise<void> {
  const max = scene.ledger.events.length + count;
  await startLoad(scene, { clients: 8, max, next: () => ({ app, eventType: "order.completed" }) }).ended;
}

/** Time passes: the same program by another clock. */
async function restart(scene: Scene, nodeArgs: readonly string[]): Promise<void> {
  for (const node of scene.system.nodes) await node.end("SIGTERM");
  for (const node of scene.system.nodes) {
    node.nodeArgs = nodeArgs;
    await node.start();
  }
}

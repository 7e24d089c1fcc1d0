import { conditionArgs } from "../broken/mutants.ts";
import type { Context, FaultTest, Verdict } from "../fault-test.ts";
import { listAll } from "../harness/api.ts";
import { startLoad } from "../harness/load.ts";
import { judge } from "../harness/oracle.ts";
import { type EndpointPlan, Scene } from "../harness/scene.ts";
import { until } from "../harness/wait.ts";

const OLD_EVENTS = { short: 300, long: 5_000 };
const NEW_EVENTS = 100;
/** Everything of theirs was delivered long ago. */
const DONE = "done";
/** Half of what they were sent is still owed: the other endpoint of each has been down all the time. */
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
  const next = () => ({ app: context.random.pick([DONE, STUCK]), eventType: "order.completed" });
  await startLoad(scene, { clients: 8, max: count, next }).ended;
  const stuck = ledger.events.filter(({ app }) => app === STUCK).length;
  await until("all but the stuck deliveries", async () => (await scene.due()) === stuck, {
    stallMs,
    progress: () => scene.due(),
  });
  // Three days pass: the same program, by the true clock.
  for (const one of scene.system.nodes) {
    await one.end("SIGTERM");
    one.nodeArgs = context.nodeArgs;
    await one.start();
  }
  const load = startLoad(scene, { clients: 2, max: ledger.events.length + NEW_EVENTS, next });
  const left = async (app: string): Promise<number> =>
    (await listAll(scene.target(), `/app/${app}/msg?with_content=false`)).length;
  const old = new Set(ledger.events.slice(0, count));
  const recent = (app: string): number =>
    ledger.events.filter((event) => event.app === app && !old.has(event) && event.id !== null).length;
  // A crash in the middle of the pruning changes nothing.
  await until("pruning to begin", async () => (await left(DONE)) < count - stuck, { stallMs });
  await scene.kill(node);
  await scene.start(node);
  await load.ended;
  await until("what is done to be pruned", async () => (await left(DONE)) <= recent(DONE), {
    stallMs,
    progress: () => left(DONE),
  });
  const violations: string[] = [];
  const kept = await left(STUCK);
  if (kept < stuck) violations.push(`${stuck - kept} messages are gone although they are owed`);
  receiver.behave("stuck-down", () => 204);
  await scene.drain();
  const { violations: found, figures } = await judge(context, scene, { forgets: (event) => old.has(event) });
  return {
    violations: [...violations, ...found],
    figures: { "owed through the pruning": stuck, pruned: count - stuck, ...figures },
  };
}

import type { Context, FaultTest, Verdict } from "../fault-test.ts";
import { listAttempts, metric } from "../harness/api.ts";
import { postEvent, payloadOf } from "../harness/load.ts";
import { judge } from "../harness/oracle.ts";
import type { Hit, Reply } from "../harness/receiver.ts";
import { type EndpointPlan, Scene } from "../harness/scene.ts";
import { until } from "../harness/wait.ts";

const ROUNDS = { short: 1, long: 20 };
const ENDPOINTS = 6;
const EVENTS_EACH = 2;
/** The first answer is a failure that comes when its process is frozen already. */
const LATE_MS = 400;
/** The second is good and comes when the frozen process has been back for a while. */
const SLOW_MS = 8_000;

export const t13: FaultTest = {
  id: "T13",
  sentence:
    "a process that was frozen beyond its lease changes nothing when it comes back; its attempts are history",
  backends: ["postgres"],
  run: (context) => Scene.run(context, { endpoints: plan() }, (scene) => run(context, scene)),
};

function plan(): EndpointPlan[] {
  return Array.from({ length: ENDPOINTS }, (_, index) => ({
    app: "ana",
    name: `shop-${index}`,
    behaviour: firstLate,
    eventTypes: ["order.completed"],
  }));
}

function firstLate(_: Hit, earlier: number): Reply {
  return earlier === 0 ? { status: 500, afterMs: LATE_MS } : { status: 204, afterMs: SLOW_MS };
}

async function run(context: Context, scene: Scene): Promise<Verdict> {
  const { receiver, ledger, system } = scene;
  const { stallMs } = context;
  const violations: string[] = [];
  const lost = { before: 0, after: 0 };
  for (let round = 0; round < ROUNDS[context.long ? "long" : "short"]; round++) {
    const zombie = system.nodes[round % system.nodes.length] ?? scene.node;
    const others = system.nodes.filter((node) => node !== zombie);
    const seen = receiver.hits.length;
    const count = ENDPOINTS * EVENTS_EACH;
    const progress = (): number => receiver.hits.length;
    lost.before += await metric(zombie, "posthaste_leases_lost_total");
    const posts = Array.from({ length: EVENTS_EACH }, async () => {
      const intended = await ledger.intend({
        app: "ana",
        eventType: "order.completed",
        payload: smallPayload,
      });
      await postEvent(scene, { ...intended, target: zombie });
    });
    await Promise.all(posts);
    await until("the first attempts", () => progress() >= seen + count, { stallMs, progress });
    scene.freeze(zombie);
    await until("the other nodes to take over", () => progress() >= seen + 2 * count, { stallMs, progress });
    scene.thaw(zombie);
    await scene.drain(stallMs + SLOW_MS);
    lost.after += await metric(zombie, "posthaste_leases_lost_total");
    if (others.some((node) => !node.running)) violations.push("a node that was well ended");
    const attempts = receiver.hits.length - seen;
    if (attempts !== 2 * count)
      violations.push(`${count} deliveries were posted ${attempts} times, not twice each`);
  }
  let late = 0;
  for (const { name } of scene.plans) {
    const rows = await listAttempts(scene.target(), "ana", name);
    late += rows.filter(({ statusText }) => statusText === "fail").length;
  }
  if (lost.after === lost.before) violations.push("no late result was fenced off: the freeze found none");
  const { violations: found, figures } = await judge(context, scene);
  return {
    violations: [...violations, ...found],
    figures: {
      freezes: scene.crashes.length,
      "late results": late,
      "fenced off": lost.after - lost.before,
      ...figures,
    },
  };
}

function smallPayload(number: number): string {
  return payloadOf(number, 10);
}

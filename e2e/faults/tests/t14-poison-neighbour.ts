import { performance } from "node:perf_hooks";
import type { Context, FaultTest, Verdict } from "../fault-test.ts";
import { startLoad } from "../harness/load.ts";
import { judge } from "../harness/oracle.ts";
import type { Reply } from "../harness/receiver.ts";
import { type EndpointPlan, Scene } from "../harness/scene.ts";
import { until } from "../harness/wait.ts";

/** As many endpoints hang as work, and one tenant sends more than its receiver takes in the meantime. */
const HANGING = 24;
const HANGING_EVENTS = 8;
const CALM_EVENTS = { short: 150, long: 2_000 };
const FLOOD_EVENTS = { short: 1_500, long: 20_000 };
const FLOOD_ANSWER_MS = 1_000;
/** When the calm tenant has everything, at least this part of the flood is still waiting. */
const FLOOD_LEFT_MIN = 0.5;
/** Calm deliveries may take this much longer than undisturbed: wide, the order above is what is tested. */
const RATIO_MAX = 25;
const FLOOR_MS = 1_000;

export const t14: FaultTest = {
  id: "T14",
  sentence: "hanging endpoints and a tenant that floods hold up nobody else's deliveries",
  backends: ["sqlite", "postgres"],
  run: (context) => Scene.run(context, { endpoints: plan() }, (scene) => run(context, scene)),
};

function plan(): EndpointPlan[] {
  const hanging = Array.from({ length: HANGING }, (_, index) => ({
    app: "stuck",
    name: `stuck-${index}`,
    behaviour: () => "hang" as const,
  }));
  const calm = Array.from({ length: HANGING }, (_, index) => ({
    app: `calm-${index}`,
    name: `calm-${index}`,
  }));
  return [...hanging, ...calm, { app: "flood", name: "flood", behaviour: slowly }];
}

const slowly = (): Reply => ({ status: 204, afterMs: FLOOD_ANSWER_MS });

async function run(context: Context, scene: Scene): Promise<Verdict> {
  const form = context.long ? "long" : "short";
  const calmEvents = CALM_EVENTS[form];
  const undisturbedMs = await sendCalm(context, scene, calmEvents);
  await send(scene, "stuck", HANGING_EVENTS);
  await until("the hanging endpoints to be busy", () => scene.receiver.hanging >= HANGING, {
    stallMs: context.stallMs,
    progress: () => scene.receiver.hanging,
  });
  await send(scene, "flood", FLOOD_EVENTS[form]);
  const disturbedMs = await sendCalm(context, scene, calmEvents);
  const flooded = countHits(scene, "flood");
  const left = 1 - flooded / FLOOD_EVENTS[form];
  const stillHanging = scene.receiver.hanging;
  for (const { app, name } of scene.plans)
    if (!app.startsWith("calm")) scene.receiver.behave(name, () => 204);
  scene.receiver.release(204);
  await scene.drain();
  const { violations, figures } = await judge(context, scene);
  if (left < FLOOD_LEFT_MIN) {
    violations.push(`the calm tenants waited for the flood: ${Math.round(left * 100)} % of it was left`);
  }
  if (stillHanging < HANGING) violations.push(`only ${stillHanging} requests hung while it was tried`);
  if (disturbedMs > Math.max(FLOOR_MS, undisturbedMs) * RATIO_MAX) {
    violations.push(`calm deliveries took ${disturbedMs} ms instead of ${undisturbedMs} ms`);
  }
  return {
    violations,
    figures: {
      hanging: stillHanging,
      "flood left %": Math.round(left * 100),
      "undisturbed ms": undisturbedMs,
      "disturbed ms": disturbedMs,
      ...figures,
    },
  };
}

function countHits(scene: Scene, prefix: string): number {
  return scene.receiver.hits.filter(({ endpoint }) => endpoint.startsWith(prefix)).length;
}

async function send(scene: Scene, app: string, count: number): Promise<void> {
  const max = scene.ledger.events.length + count;
  await startLoad(scene, { clients: 16, max, next: () => ({ app, eventType: "order.completed" }) }).ended;
}

/** Sends to every calm application in turn; returns how long it took until all of it had arrived. */
async function sendCalm(context: Context, scene: Scene, count: number): Promise<number> {
  const startedAt = performance.now();
  const goal = countHits(scene, "calm") + count;
  let turn = 0;
  const next = () => ({ app: `calm-${turn++ % HANGING}`, eventType: "order.completed" });
  await startLoad(scene, { clients: 4, max: scene.ledger.events.length + count, next }).ended;
  const progress = (): number => countHits(scene, "calm");
  await until("the calm deliveries", () => progress() >= goal, { stallMs: context.stallMs, progress });
  return Math.round(performance.now() - startedAt);
}

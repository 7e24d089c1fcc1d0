import { performance } from "node:perf_hooks";
import type { Context, FaultTest, Verdict } from "../fault-test.ts";
import { startLoad } from "../harness/load.ts";
import { judge } from "../harness/oracle.ts";
import type { Receiver, Reply } from "../harness/receiver.ts";
import { type EndpointPlan, Scene } from "../harness/scene.ts";
import { until } from "../harness/wait.ts";

const PENDING = { short: 800, long: 20_000 };
const DOWN_ANSWER = 503;
const ANSWER_MS = 20;
/** A second, for the endpoint with a limit of its own. */
const THROTTLE = 100;
const WINDOW_MS = 1_000;
/** No second sees more than this multiple of the limit. */
const SPIKE_MAX = 2;
/** After an outage a lane starts with one at a time and doubles at most once in this time. */
const RAMP_STEP_MS = 1_000;
const WIDTH_MAX = 16;

export const t15: FaultTest = {
  id: "T15",
  sentence: "an endpoint that comes back from an outage gets everything it is owed, without a spike",
  backends: ["sqlite", "postgres"],
  run: (context) => Scene.run(context, { endpoints: plan() }, (scene) => run(context, scene)),
};

function plan(): EndpointPlan[] {
  return [
    { app: "ana", name: "limited", behaviour: down, settings: { throttleRate: THROTTLE } },
    { app: "ana", name: "unlimited", behaviour: down },
    { app: "ben", name: "neighbour" },
  ];
}

const down = (): Reply => DOWN_ANSWER;
const up = (): Reply => ({ status: 204, afterMs: ANSWER_MS });

/** The requests that were open at once, since the endpoint first answered well. */
interface Width {
  readonly afterMs: number;
  readonly open: number;
}

async function run(context: Context, scene: Scene): Promise<Verdict> {
  const pending = context.counts.pending ?? PENDING[context.long ? "long" : "short"];
  const { receiver } = scene;
  await send(scene, "ana", pending);
  const owed = await scene.due();
  const violations: string[] = [];
  if (owed < pending) violations.push(`only ${owed} deliveries waited out the outage`);
  const widths = watchWidth(receiver, "unlimited");
  receiver.behave("limited", up);
  receiver.behave("unlimited", up);
  const upAt = performance.now();
  const neighbour = await disturbNeighbour(context, scene);
  if (neighbour.owedElsewhere === 0) violations.push("everything had drained before the neighbour was tried");
  await scene.drain();
  const spike = mostInWindow(receiver, "limited", upAt);
  if (spike > THROTTLE * SPIKE_MAX) {
    violations.push(`the limited endpoint got ${spike} in a second; its limit is ${THROTTLE}`);
  }
  for (const { afterMs, open } of widths) {
    // Each node that has accepted events for it sends them, and learns by itself how it answers.
    const lanes = scene.system.nodes.length;
    const allowed = lanes * Math.min(WIDTH_MAX, 2 ** Math.floor(afterMs / RAMP_STEP_MS));
    if (open > allowed) {
      violations.push(
        `${open} requests were open ${Math.round(afterMs)} ms after the outage, not ${allowed}`,
      );
      break;
    }
  }
  const { violations: found, figures } = await judge(context, scene);
  return {
    violations: [...violations, ...found],
    figures: {
      pending,
      "limit a second": THROTTLE,
      "most in a second": spike,
      "widest lane": Math.max(0, ...widths.map(({ open }) => open)),
      "drained after ms": Math.round((receiver.hits.at(-1)?.at ?? upAt) - upAt),
      ...figures,
    },
  };
}

async function send(scene: Scene, app: string, count: number): Promise<void> {
  const max = scene.ledger.events.length + count;
  await startLoad(scene, { clients: 16, max, next: () => ({ app, eventType: "order.completed" }) }).ended;
}

/** Somebody else's events go through while the backlog drains. */
async function disturbNeighbour(context: Context, scene: Scene): Promise<{ owedElsewhere: number }> {
  await send(scene, "ben", 50);
  const arrived = (): number => scene.receiver.hits.filter(({ endpoint }) => endpoint === "neighbour").length;
  await until("the neighbour's deliveries", () => arrived() >= 50, {
    stallMs: context.stallMs,
    progress: arrived,
  });
  return { owedElsewhere: await scene.due() };
}

/**
 * Notes how many requests are open as each arrives, from the first good answer on. The sender learns of that
 * answer later than the receiver gives it, so its ramp is never ahead of this clock.
 */
function watchWidth(receiver: Receiver, name: string): Width[] {
  const widths: Width[] = [];
  let recoveredAt: number | null = null;
  receiver.onHit = (hit) => {
    if (hit.endpoint !== name || hit.status === DOWN_ANSWER) return;
    recoveredAt ??= hit.at;
    widths.push({ afterMs: hit.at - recoveredAt, open: receiver.open(name) });
  };
  return widths;
}

function mostInWindow(receiver: Receiver, name: string, since: number): number {
  const times = receiver.hits.filter((hit) => hit.endpoint === name && hit.at >= since).map(({ at }) => at);
  let from = 0;
  let most = 0;
  for (const [to, at] of times.entries()) {
    while (at - (times[from] ?? at) > WINDOW_MS) from += 1;
    most = Math.max(most, to - from + 1);
  }
  return most;
}

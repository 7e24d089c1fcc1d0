import { performance } from "node:perf_hooks";
import pg from "pg";
import type { Context, FaultTest, Verdict } from "../fault-test.ts";
import { startLoad } from "../harness/load.ts";
import { mixedEvent, mixedPlan } from "../harness/mixed-load.ts";
import { judge } from "../harness/oracle.ts";
import { Scene } from "../harness/scene.ts";

const EVENTS = { short: 1_500, long: 100_000 };
const CLIENTS = 16;
/** Of the undisturbed rate, at the least. Wide: a loaded machine is not what is tested, a standstill is. */
const SHARE_MIN = 0.3;

export const t34: FaultTest = {
  id: "T34",
  sentence:
    "a transaction that somebody forgot open, so that nothing can be cleaned up, does not stop deliveries",
  backends: ["postgres"],
  run: (context) => Scene.run(context, { endpoints: mixedPlan() }, (scene) => run(context, scene)),
};

async function run(context: Context, scene: Scene): Promise<Verdict> {
  const { postgres } = scene.system;
  if (postgres === null) throw new Error("this test is about PostgreSQL");
  const events = EVENTS[context.long ? "long" : "short"];
  await rateOf(context, scene, events);
  const undisturbed = await rateOf(context, scene, events);
  const forgotten = new pg.Client({ connectionString: postgres.url });
  await forgotten.connect();
  await forgotten.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
  await forgotten.query("SELECT count(*) FROM due");
  const held = await rateOf(context, scene, events);
  const dead = await postgres.sql<{ rows: string }>(
    "SELECT sum(n_dead_tup)::text AS rows FROM pg_stat_user_tables WHERE relname LIKE 'due%'",
  );
  await forgotten.end();
  const { violations, figures } = await judge(context, scene);
  const share = held / undisturbed;
  if (share < SHARE_MIN)
    violations.push(`with an open transaction it did ${Math.round(share * 100)} % of its rate`);
  return {
    violations,
    figures: {
      "events a second": Math.round(undisturbed),
      "with an open transaction": Math.round(held),
      "dead rows kept": Number(dead[0]?.rows ?? 0),
      ...figures,
    },
  };
}

/** Events a second, accepted and delivered to the last. */
async function rateOf(context: Context, scene: Scene, events: number): Promise<number> {
  const startedAt = performance.now();
  const max = scene.ledger.events.length + events;
  await startLoad(scene, { clients: CLIENTS, max, next: () => mixedEvent(context.random) }).ended;
  await scene.drain();
  return (events * 1_000) / (performance.now() - startedAt);
}

import type { Context, FaultTest, Verdict } from "../fault-test.ts";
import { startLoad } from "../harness/load.ts";
import { mixedEvent, mixedPlan } from "../harness/mixed-load.ts";
import { judge } from "../harness/oracle.ts";
import type { PostgresCluster } from "../harness/postgres-cluster.ts";
import { Scene } from "../harness/scene.ts";
import { sleep, until } from "../harness/wait.ts";

const STORMS = { short: 40, long: 3_000 };
const RESTARTS = { short: 1, long: 20 };
const PAUSE_MS = 100;
const CLIENTS = 12;
const ACCEPTED_AFTER = 100;

export const t23: FaultTest = {
  id: "T23",
  sentence:
    "connections cut ten times a second and a database that crashes lose nothing, and nothing stays stuck",
  backends: ["postgres"],
  run: (context) => Scene.run(context, { endpoints: mixedPlan() }, (scene) => run(context, scene)),
};

async function run(context: Context, scene: Scene): Promise<Verdict> {
  const { postgres } = scene.system;
  if (postgres === null) throw new Error("this test is about PostgreSQL");
  const form = context.long ? "long" : "short";
  const { ledger } = scene;
  const progress = (): number => ledger.acknowledged;
  const load = startLoad(scene, { clients: CLIENTS, next: () => mixedEvent(context.random) });
  const goOn = async (what: string): Promise<void> => {
    const goal = progress() + ACCEPTED_AFTER;
    await until(what, () => progress() >= goal, { stallMs: context.stallMs, progress });
  };
  let cut = 0;
  try {
    await goOn("the load to begin");
    scene.disturb();
    for (let storm = 0; storm < STORMS[form]; storm++) {
      cut += await cutAll(postgres);
      await sleep(PAUSE_MS);
    }
    await goOn("events to be accepted after the storm");
    for (let restart = 0; restart < RESTARTS[form]; restart++) {
      await postgres.stop(restart % 2 === 0 ? "SIGKILL" : "SIGQUIT");
      await postgres.start();
      await goOn("events to be accepted after a restart of the database");
    }
  } finally {
    await load.stop();
  }
  await scene.drain();
  const { violations, figures } = await judge(context, scene);
  return { violations, figures: { "connections cut": cut, "database crashes": RESTARTS[form], ...figures } };
}

async function cutAll(postgres: PostgresCluster): Promise<number> {
  const rows = await postgres.sql<{ cut: boolean }>(
    `SELECT pg_terminate_backend(pid) AS cut FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid()`,
  );
  return rows.length;
}

import type { Context, FaultTest, Verdict } from "../fault-test.ts";
import { startLoad } from "../harness/load.ts";
import { mixedEvent, mixedPlan } from "../harness/mixed-load.ts";
import { judge } from "../harness/oracle.ts";
import type { PostgresCluster } from "../harness/postgres-cluster.ts";
import { Scene } from "../harness/scene.ts";
import { TcpProxy } from "../harness/tcp-proxy.ts";
import { until } from "../harness/wait.ts";

const FAILOVERS = { short: 1, long: 50 };
const CLIENTS = 12;
const ACCEPTED_EACH = 150;

export const t21: FaultTest = {
  id: "T21",
  sentence:
    "a primary that dies under load loses nothing that was acknowledged when its replica is synchronous",
  backends: ["postgres"],
  async run(context) {
    const proxy = await TcpProxy.create();
    const url = (postgres: PostgresCluster): string => {
      proxy.target = postgres.port;
      return postgres.url.replace(`:${postgres.port}/`, `:${proxy.port}/`);
    };
    try {
      const plan = { endpoints: mixedPlan(), system: { url } };
      return await Scene.run(context, plan, (scene) => run(context, { scene, proxy }));
    } finally {
      await proxy.close();
    }
  },
};

async function run(context: Context, { scene, proxy }: { scene: Scene; proxy: TcpProxy }): Promise<Verdict> {
  const { postgres } = scene.system;
  if (postgres === null) throw new Error("this test is about PostgreSQL");
  const failovers = FAILOVERS[context.long ? "long" : "short"];
  const clusters = [postgres];
  const { ledger } = scene;
  const progress = (): number => ledger.acknowledged;
  const goOn = async (what: string): Promise<void> => {
    const goal = progress() + ACCEPTED_EACH;
    await until(what, () => progress() >= goal, { stallMs: context.stallMs, progress });
  };
  try {
    scene.disturb();
    const load = startLoad(scene, { clients: CLIENTS, next: () => mixedEvent(context.random) });
    try {
      let primary = postgres;
      for (let failover = 0; failover < failovers; failover++) {
        const replica = await followed(primary, { stallMs: context.stallMs });
        clusters.push(replica);
        await goOn("events to be accepted with a synchronous replica");
        await primary.stop("SIGKILL");
        proxy.switchTo(null);
        replica.promote();
        proxy.switchTo(replica.port);
        primary = replica;
        await goOn("events to be accepted after the failover");
        if (failover % 10 === 9)
          context.say(`${failover + 1} failovers, ${ledger.acknowledged} acknowledged`);
      }
    } finally {
      await load.stop();
    }
    await scene.drain();
    const { violations, figures } = await judge(context, scene);
    return { violations, figures: { failovers, ...figures } };
  } finally {
    for (const cluster of clusters.slice(1)) await cluster.remove();
  }
}

/** A replica that every commit waits for from now on. */
async function followed(
  primary: PostgresCluster,
  { stallMs }: { stallMs: number },
): Promise<PostgresCluster> {
  const replica = await primary.follow();
  await primary.sql("ALTER SYSTEM SET synchronous_standby_names = 'replica'", { database: "postgres" });
  await primary.sql("SELECT pg_reload_conf()", { database: "postgres" });
  const inSync = async (): Promise<boolean> => {
    const rows = await primary.sql<{ sync_state: string }>("SELECT sync_state FROM pg_stat_replication", {
      database: "postgres",
    });
    return rows[0]?.sync_state === "sync";
  };
  await until("the replica to be synchronous", inSync, { stallMs });
  return replica;
}

import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Context, FaultTest, Verdict } from "../fault-test.ts";
import { call, listAll } from "../harness/api.ts";
import { type EventPlan, startLoad } from "../harness/load.ts";
import { LoopDisk } from "../harness/loop-disk.ts";
import { judge } from "../harness/oracle.ts";
import { Scene } from "../harness/scene.ts";
import { Strace } from "../harness/strace.ts";
import { until } from "../harness/wait.ts";

/** The store keeps 64 MiB in reserve and wants as much again before it takes it. */
const DISK_MIB = 256;
const ROUNDS = { short: 1, long: 10 };
const WAITING = 150;
const REFUSALS = 30;
const SLOW_FSYNC_MICROS = 200_000;
const SLOW_EVENTS = 10;
/** Reads that are answered for each event while the disk is slow: they wait for no fsync. */
const READS_PER_EVENT_MIN = 3;

const small = (): EventPlan => ({ app: "ana", eventType: "order.completed" });
const large = (): EventPlan => ({ ...small(), padding: 2_000 });

export const t22: FaultTest = {
  id: "T22",
  sentence:
    "a full disk refuses new events and goes on delivering; space heals it; a slow disk holds up no reads",
  backends: ["sqlite"],
  async run(context) {
    const disk = LoopDisk.create(context.folder, DISK_MIB);
    try {
      const endpoints = [{ app: "ana", name: "shop" }];
      const plan = { endpoints, system: { directory: join(disk.path, "data") } };
      return await Scene.run(context, plan, (scene) => run(context, { scene, disk }));
    } finally {
      disk.remove();
    }
  },
};

async function run(context: Context, place: { scene: Scene; disk: LoopDisk }): Promise<Verdict> {
  const { scene } = place;
  const violations: string[] = [];
  let refused = 0;
  for (let round = 0; round < ROUNDS[context.long ? "long" : "short"]; round++) {
    refused += await fillUp(context, { ...place, violations });
    await scene.drain();
  }
  const reads = await slowDown(context, { scene, violations });
  const { violations: found, figures } = await judge(context, scene);
  return {
    violations: [...violations, ...found],
    figures: { refused, "reads an event on a slow disk": Math.round(reads * 10) / 10, ...figures },
  };
}

/** Returns how many events were refused while the disk was full. */
async function fillUp(
  context: Context,
  { scene, disk, violations }: { scene: Scene; disk: LoopDisk; violations: string[] },
): Promise<number> {
  const { ledger, receiver, node } = scene;
  const { stallMs } = context;
  // What waits for an endpoint that is down has to go out while the disk is full.
  receiver.behave("shop", () => 503);
  await startLoad(scene, { clients: 8, max: ledger.events.length + WAITING, next: large }).ended;
  const filler = join(disk.path, "filler");
  fill(filler);
  const rejected = (): number => ledger.events.filter(({ outcome }) => outcome === "rejected").length;
  const before = rejected();
  const load = startLoad(scene, { clients: 8, next: large });
  try {
    await until("new events to be refused", () => rejected() >= before + REFUSALS, {
      stallMs,
      progress: rejected,
    });
    const health = await fetch(`${node.url}/api/v1/health`);
    if (health.status !== 503) violations.push(`the health check says ${health.status} on a full disk`);
    const seen = await listAll(node, "/app/ana/msg?with_content=false");
    if (seen.length === 0) violations.push("nothing could be read on a full disk");
    const waiting = await scene.due();
    if (!(waiting > 0)) violations.push("nothing was owed when the disk was full");
    receiver.behave("shop", () => 204);
    await scene.drain(stallMs);
    const refused = rejected() - before;
    rmSync(filler);
    const goal = ledger.acknowledged + REFUSALS;
    const progress = (): number => ledger.acknowledged;
    await until("events to be accepted again", () => progress() >= goal, { stallMs, progress });
    return refused;
  } finally {
    await load.stop();
  }
}

function fill(path: string): void {
  const file = openSync(path, "w");
  const chunk = Buffer.alloc(1_048_576, 1);
  try {
    for (let size = chunk.length; size >= 512; size /= 2) {
      try {
        for (;;) writeSync(file, chunk, 0, size);
      } catch {
        // Full for writes of this size.
      }
    }
  } finally {
    closeSync(file);
  }
}

/** Every fsync takes long; returns how many reads were answered for each event meanwhile. */
async function slowDown(
  context: Context,
  { scene, violations }: { scene: Scene; violations: string[] },
): Promise<number> {
  const { ledger, node } = scene;
  const strace = await Strace.attach(node.pid, "fsync,fdatasync", `delay_enter=${SLOW_FSYNC_MICROS}`);
  let reads = 0;
  const before = ledger.acknowledged;
  try {
    const load = startLoad(scene, { clients: 1, next: small });
    await until(
      "events to be accepted on a slow disk",
      async () => {
        await call(node, "GET", "/app/ana/endpoint");
        reads += 1;
        return ledger.acknowledged >= before + SLOW_EVENTS;
      },
      { stallMs: context.stallMs, progress: () => ledger.acknowledged },
    );
    await load.stop();
  } finally {
    await strace.detach();
  }
  await scene.drain();
  const perEvent = reads / (ledger.acknowledged - before);
  if (perEvent < READS_PER_EVENT_MIN)
    violations.push(`reads waited for the disk: ${perEvent} for each event`);
  return perEvent;
}

import { globSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Context, FaultTest, Verdict } from "../fault-test.ts";
import { Skip } from "../skip.ts";
import { startLoad } from "../harness/load.ts";
import { mixedEvent, mixedPlan } from "../harness/mixed-load.ts";
import { judge } from "../harness/oracle.ts";
import { Scene } from "../harness/scene.ts";
import { until } from "../harness/wait.ts";

const LIBRARIES = "/usr/lib/{,*/}faketime/libfaketime.so.1";
const HOUR_S = 3_600;
const CLIENTS = 8;
const ACCEPTED_EACH = 80;
/** What the clock shows from then on: seconds beside the true time, and how fast it runs. */
const STEPS = [
  { offsetS: 2 * HOUR_S, speed: 1 },
  { offsetS: 0, speed: 1 },
  { offsetS: -2 * HOUR_S, speed: 1 },
  { offsetS: 2 * HOUR_S, speed: 1 },
  { offsetS: -2 * HOUR_S, speed: 1 },
  { offsetS: 0, speed: 3 },
  { offsetS: 0, speed: 0.5 },
  { offsetS: 0, speed: 1 },
] as const;
const ROUNDS = { short: 1, long: 12 };
/** Between the clock of a step and the time in a signature; the slow and fast parts of a long run leave some. */
const SKEW_MAX_S = 600;

export const t19: FaultTest = {
  id: "T19",
  sentence:
    "a clock that is set two hours ahead or back, or runs fast or slow, loses, repeats and delays nothing",
  backends: ["sqlite", "postgres"],
  run(context) {
    const [library] = globSync(LIBRARIES);
    if (library === undefined) throw new Skip("needs libfaketime (the Debian package faketime)");
    const clock = join(context.folder, "clock");
    setClock(clock, { offsetS: 0, speed: 1 });
    const env = {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: clock,
      FAKETIME_NO_CACHE: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
    };
    return Scene.run(context, { endpoints: mixedPlan(), system: { env } }, (scene) =>
      run(context, scene, clock),
    );
  },
};

function setClock(file: string, { offsetS, speed }: { offsetS: number; speed: number }): void {
  writeFileSync(file, `${offsetS < 0 ? "-" : "+"}${Math.abs(offsetS)}${speed === 1 ? "" : ` x${speed}`}\n`);
}

async function run(context: Context, scene: Scene, clock: string): Promise<Verdict> {
  const { random, stallMs } = context;
  const { ledger, receiver } = scene;
  const violations: string[] = [];
  let steps = 0;
  for (let round = 0; round < ROUNDS[context.long ? "long" : "short"]; round++) {
    for (const step of STEPS) {
      const load = startLoad(scene, { clients: CLIENTS, next: () => mixedEvent(random) });
      const half = ledger.acknowledged + ACCEPTED_EACH / 2;
      const progress = (): number => ledger.acknowledged;
      await until("events before the step", () => progress() >= half, { stallMs, progress });
      setClock(clock, step);
      steps += 1;
      const seenBefore = receiver.hits.length;
      await until("events after the step", () => progress() >= half + ACCEPTED_EACH / 2, {
        stallMs,
        progress,
      });
      await load.stop();
      // Also the retries that were waiting when the clock was set: none may wait for the old time to come again.
      await scene.drain();
      const last = receiver.hits.slice(seenBefore).at(-1);
      const skewS = (last?.timestamp ?? 0) - (Date.now() / 1_000 + step.offsetS);
      if (step.speed === 1 && Math.abs(skewS) > SKEW_MAX_S) {
        violations.push(
          `signed ${Math.round(skewS)} s beside the clock after it was set by ${step.offsetS} s`,
        );
      }
    }
  }
  const { violations: found, figures } = await judge(context, scene);
  return { violations: [...violations, ...found], figures: { steps, ...figures } };
}

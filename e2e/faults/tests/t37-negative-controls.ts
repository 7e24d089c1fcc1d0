import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { brokenArgs } from "../broken/mutants.ts";
import type { BackendName } from "../harness/backend.ts";
import type { Context, Counts, FaultTest, Verdict } from "../fault-test.ts";
import { Skip } from "../skip.ts";
import { t01 } from "./t01-kill-loop.ts";
import { t02 } from "./t02-power-cut.ts";
import { t03 } from "./t03-idempotency.ts";
import { t13 } from "./t13-zombie.ts";
import { t14 } from "./t14-poison-neighbour.ts";
import { t15 } from "./t15-outage.ts";
import { t16 } from "./t16-poison-rows.ts";
import { t17 } from "./t17-failing-calls.ts";
import { t19 } from "./t19-clock.ts";
import { t22 } from "./t22-disk-full.ts";
import { t28 } from "./t28-rolling-restart.ts";
import { t30 } from "./t30-retention.ts";

interface Control {
  readonly mutant: string;
  readonly test: FaultTest;
  /** What the test has to say about it. */
  readonly finds: RegExp;
  readonly counts?: Partial<Counts>;
  /** Where it is put in; SQLite when not given. */
  readonly on?: BackendName;
  /** Quick enough for every CI run. */
  readonly quick?: true;
}

/** A bug that is there is found at once; what never comes is given up soon. */
const STALL_MS = { sqlite: 4_000, postgres: 10_000 };
const PARALLEL = 2;
const DOES_NOT_FIT = /does not fit/;

const CONTROLS: readonly Control[] = [
  { mutant: "ack-before-commit", test: t01, finds: /lost|forgotten/, counts: { kills: 4 }, quick: true },
  {
    mutant: "synchronous-off",
    test: t02,
    finds: /lost|forgotten|damaged|404/,
    counts: { cuts: 1 },
    quick: true,
  },
  { mutant: "synchronous-normal", test: t02, finds: /lost|forgotten|404/, counts: { cuts: 1 } },
  { mutant: "no-takeover", test: t01, finds: /still owed/, counts: { kills: 6 }, quick: true },
  { mutant: "lost-wake-up", test: t01, finds: /still owed/, counts: { kills: 1 } },
  { mutant: "idempotency-not-checked", test: t03, finds: /ids|messages/, counts: { keys: 2 }, quick: true },
  {
    mutant: "signature-over-another-body",
    test: t01,
    finds: /wrong signature/,
    counts: { kills: 1 },
    quick: true,
  },
  { mutant: "payload-encoded-again", test: t01, finds: /another body/, counts: { kills: 1 } },
  {
    mutant: "attempt-not-recorded",
    test: t01,
    finds: /without a recorded/,
    counts: { kills: 1 },
    quick: true,
  },
  { mutant: "hidden-second-post", test: t01, finds: /sent twice/, counts: { kills: 1 } },
  { mutant: "failed-fsync-ignored", test: t17, finds: /as if nothing/, counts: { calls: 1 } },
  { mutant: "full-disk-acknowledged", test: t22, finds: /to be refused/ },
  { mutant: "slots-for-whoever-comes-first", test: t14, finds: /calm/ },
  { mutant: "full-speed-after-an-outage", test: t15, finds: /requests were open/, counts: { pending: 400 } },
  { mutant: "throttle-ignored", test: t15, finds: /its limit is/, counts: { pending: 400 } },
  { mutant: "one-unreadable-stops-all", test: t16, finds: /healthy/ },
  { mutant: "retries-by-the-wall-clock", test: t19, finds: /still owed/ },
  { mutant: "stop-without-draining", test: t28, finds: /sent twice/, counts: { restarts: 3 } },
  {
    mutant: "ack-before-commit",
    test: t01,
    finds: /lost|forgotten|still owed/,
    counts: { kills: 6 },
    on: "postgres",
  },
  { mutant: "no-fencing", test: t13, finds: /not twice each/, on: "postgres", quick: true },
  { mutant: "retention-drops-what-is-owed", test: t30, finds: /although they are owed/ },
];

export const t37: FaultTest = {
  id: "T37",
  sentence: "bugs put into the program on purpose are found by the test that is there for them",
  backends: ["sqlite", "postgres"],
  run,
};

async function run(context: Context): Promise<Verdict> {
  const controls = CONTROLS.filter(
    ({ quick, on = "sqlite" }) => on === context.backend.name && (context.long || quick === true),
  );
  const violations: string[] = [];
  const skipped: string[] = [];
  let found = 0;
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let control = controls[next++]; control !== undefined; control = controls[next++]) {
      const { mutant, test, finds } = control;
      const said = await tryControl(context, control);
      if (said === null) skipped.push(mutant);
      else if (finds.test(said) && !DOES_NOT_FIT.test(said)) found += 1;
      else violations.push(`${test.id} did not find ${mutant}: it said "${said.slice(0, 500)}"`);
      context.say(`${mutant}: ${said === null ? "skipped" : `${test.id} says ${said.slice(0, 120)}`}`);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
  return { violations, figures: { bugs: controls.length, found, skipped: skipped.length } };
}

/** What the test says of a broken program; "" when it finds nothing, null when it cannot run here. */
async function tryControl(context: Context, { mutant, test, counts }: Control): Promise<string | null> {
  const folder = join(context.folder, mutant);
  mkdirSync(folder);
  const none = { kills: null, cuts: null, keys: null, calls: null, pending: null, restarts: null };
  try {
    const { violations } = await test.run({
      ...context,
      folder,
      long: false,
      stallMs: STALL_MS[context.backend.name],
      nodeArgs: brokenArgs(mutant),
      counts: { ...none, ...counts },
    });
    return violations.join("; ");
  } catch (error) {
    if (error instanceof Skip) return null;
    return error instanceof Error ? error.message : String(error);
  }
}

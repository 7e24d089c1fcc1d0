import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { brokenArgs } from "./broken/mutants.ts";
import type { Context, FaultTest, Figures, Verdict } from "./fault-test.ts";
import type { Backend, BackendName } from "./harness/backend.ts";
import { Random } from "./harness/random.ts";
import { Stalled } from "./harness/wait.ts";
import type { Options } from "./options.ts";
import { Skip } from "./skip.ts";

export interface Result {
  readonly test: string;
  readonly backend: BackendName;
  readonly outcome: "passed" | "failed" | "skipped";
  readonly sentence: string;
  readonly figures: Figures;
  readonly seconds: number;
  readonly violations: readonly string[];
  readonly reason: string | null;
}

/** Runs one test in this process, in a folder of its own. */
export async function runTest(
  test: FaultTest,
  { backend, options }: { backend: Backend; options: Options },
): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), `posthaste-${test.id}-`));
  // PostgreSQL runs as somebody else and has to reach its files below.
  chmodSync(folder, 0o711);
  const context: Context = {
    backend,
    folder,
    long: options.long,
    counts: options.counts,
    random: new Random(options.seed),
    stallMs: options.stallMs,
    nodeArgs: options.broken === null ? [] : brokenArgs(options.broken),
    say: (line) => console.error(`  ${test.id} ${backend.name}: ${line}`),
  };
  const startedAt = performance.now();
  const ending = await end(test, context);
  const seconds = Math.round((performance.now() - startedAt) / 100) / 10;
  const failed = ending.outcome === "failed";
  if (options.keep !== null) {
    const kept = join(options.keep, `${test.id}-${backend.name}`);
    mkdirSync(kept, { recursive: true });
    cpSync(folder, kept, { recursive: true });
  }
  if (!failed) rmSync(folder, { recursive: true, force: true });
  const { id, sentence } = test;
  const violations = failed ? [...ending.violations, `seed ${options.seed}, ledgers in ${folder}`] : [];
  return { ...ending, test: id, backend: backend.name, sentence, seconds, violations };
}

type Ending = Pick<Result, "outcome" | "figures" | "violations" | "reason">;

/** A test that cannot come to its end has found something too. */
async function end(test: FaultTest, context: Context): Promise<Ending> {
  try {
    const { violations, figures }: Verdict = await test.run(context);
    return { outcome: violations.length === 0 ? "passed" : "failed", figures, violations, reason: null };
  } catch (error) {
    if (error instanceof Skip) {
      return { outcome: "skipped", figures: {}, violations: [], reason: error.message };
    }
    const text =
      error instanceof Stalled
        ? error.message
        : error instanceof Error
          ? (error.stack ?? error.message)
          : String(error);
    return { outcome: "failed", figures: {}, violations: [text], reason: null };
  }
}

/**
 * `npm run test:faults`: what is promised, tried on the real program while things break. Each test keeps a
 * ledger of what was acknowledged beside what the receiver got; one line says how it ended. The exit code is
 * not 0 as soon as one promise was broken.
 */
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { brokenArgs } from "./broken/mutants.ts";
import type { Context, FaultTest, Figures, Verdict } from "./fault-test.ts";
import { Skip } from "./skip.ts";
import type { Backend, BackendName } from "./harness/backend.ts";
import { postgresBackend } from "./harness/postgres-backend.ts";
import { Random } from "./harness/random.ts";
import { sqliteBackend } from "./harness/sqlite-backend.ts";
import { Stalled } from "./harness/wait.ts";
import { type Options, readOptions, USAGE } from "./options.ts";
import { TESTS } from "./tests/index.ts";

interface Result {
  readonly test: string;
  readonly backend: BackendName;
  readonly outcome: "passed" | "failed" | "skipped";
  readonly sentence: string;
  readonly figures: Figures;
  readonly seconds: number;
  readonly violations: readonly string[];
  readonly reason: string | null;
}

const BACKEND_OF: Record<BackendName, Backend> = { sqlite: sqliteBackend, postgres: postgresBackend };

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  if (options === undefined) return console.log(USAGE);
  const results: Result[] = [];
  for (const name of options.backends) {
    const backend = BACKEND_OF[name];
    for (const test of TESTS) {
      if (!test.backends.includes(name) || options.only?.includes(test.id) === false) continue;
      const result = await runOne(test, { backend, options });
      results.push(result);
      print(result);
    }
  }
  const count = (outcome: Result["outcome"]): number =>
    results.filter((result) => result.outcome === outcome).length;
  console.log(`\n${count("passed")} passed, ${count("failed")} failed, ${count("skipped")} skipped`);
  if (options.json !== null) {
    const report = { seed: options.seed, long: options.long, node: process.version, results };
    writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`);
  }
  if (count("failed") > 0 || results.length === 0) process.exitCode = 1;
}

async function runOne(
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

function print(result: Result): void {
  const { test, backend, outcome, sentence, figures, seconds, violations, reason } = result;
  const head = `${outcome === "passed" ? "ok  " : outcome === "failed" ? "FAIL" : "skip"} ${test.padEnd(4)}${backend.padEnd(9)}`;
  const numbers = Object.entries(figures).map(([name, value]) => `${name} ${value}`);
  const tail = reason === null ? [...numbers, `${seconds} s`].join(", ") : reason;
  console.log(`${head}${sentence}: ${tail}`);
  for (const violation of violations) console.log(`       ${violation}`);
}

// So that an interrupted run, too, ends its servers and gives back its disks.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
await main();
// Whatever a failed test left open must not keep it.
process.exit();

/**
 * `npm run test:faults`: what is promised, tried on the real program while things break. Each test keeps a
 * ledger of what was acknowledged beside what the receiver got; one line says how it ended. The exit code is
 * not 0 as soon as one promise was broken.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FaultTest } from "./fault-test.ts";
import type { Backend, BackendName } from "./harness/backend.ts";
import { postgresBackend } from "./harness/postgres-backend.ts";
import { sqliteBackend } from "./harness/sqlite-backend.ts";
import { type Options, readOptions, USAGE } from "./options.ts";
import { type Result, runTest } from "./run-test.ts";
import { TESTS } from "./tests/index.ts";

const BACKEND_OF: Record<BackendName, Backend> = { sqlite: sqliteBackend, postgres: postgresBackend };

interface Task {
  readonly test: FaultTest;
  readonly backend: BackendName;
}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  if (options === undefined) return console.log(USAGE);
  const tasks = options.backends.flatMap((backend) =>
    TESTS.filter(
      ({ id, backends }) => backends.includes(backend) && options.only?.includes(id) !== false,
    ).map((test): Task => ({ test, backend })),
  );
  const results: Result[] = [];
  const queue = tasks.values();
  const worker = async (): Promise<void> => {
    for (const task of queue) {
      const result = await runTask(task, { options, alone: options.jobs === 1 || tasks.length === 1 });
      results.push(result);
      print(result);
    }
  };
  await Promise.all(Array.from({ length: options.jobs }, worker));
  conclude(options, results);
}

function runTask(
  { test, backend }: Task,
  { options, alone }: { options: Options; alone: boolean },
): Promise<Result> {
  return alone
    ? runTest(test, { backend: BACKEND_OF[backend], options })
    : runElsewhere({ test, backend }, options);
}

const children = new Set<ChildProcess>();

/** In a process of its own: tests side by side must not hold up each other's receivers. */
async function runElsewhere({ test, backend }: Task, { seed }: Options): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), "posthaste-faults-"));
  const json = join(folder, "result.json");
  const mine = [
    "--jobs",
    "1",
    "--only",
    test.id,
    "--backend",
    backend,
    "--seed",
    String(seed),
    "--json",
    json,
  ];
  const args = [join(import.meta.dirname, "main.ts"), ...process.argv.slice(2), ...mine];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "inherit"] });
  children.add(child);
  await new Promise((resolve) => child.once("exit", resolve));
  children.delete(child);
  try {
    const { results }: { results: Result[] } = JSON.parse(readFileSync(json, "utf8"));
    const [result] = results;
    if (result !== undefined) return result;
  } catch {
    // It ended without a result.
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const violations = [`the test ended with ${child.exitCode ?? child.signalCode} and without a result`];
  const { id, sentence } = test;
  return {
    test: id,
    backend,
    outcome: "failed",
    sentence,
    figures: {},
    seconds: 0,
    violations,
    reason: null,
  };
}

function conclude({ seed, long, json }: Options, results: readonly Result[]): void {
  const count = (outcome: Result["outcome"]): number =>
    results.filter((result) => result.outcome === outcome).length;
  console.log(`\n${count("passed")} passed, ${count("failed")} failed, ${count("skipped")} skipped`);
  if (json !== null) {
    writeFileSync(json, `${JSON.stringify({ seed, long, node: process.version, results }, null, 2)}\n`);
  }
  if (count("failed") > 0 || results.length === 0) process.exitCode = 1;
}

function print(result: Result): void {
  const { test, backend, outcome, sentence, figures, seconds, violations, reason } = result;
  const head = `${outcome === "passed" ? "ok  " : outcome === "failed" ? "FAIL" : "skip"} ${test.padEnd(4)}${backend.padEnd(9)}`;
  const numbers = Object.entries(figures).map(([name, value]) => `${name} ${value}`);
  const tail = reason === null ? [...numbers, `${seconds} s`].join(", ") : reason;
  console.log(`${head}${sentence}: ${tail}`);
  for (const violation of violations) console.log(`       ${violation}`);
}

process.on("exit", () => {
  for (const child of children) child.kill("SIGTERM");
});
// So that an interrupted run, too, ends its servers and gives back its disks.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
await main();
// Whatever a failed test left open must not keep it.
process.exit();

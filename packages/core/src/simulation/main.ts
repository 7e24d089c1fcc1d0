import { parseArgs } from "node:util";
import { systemRuntime } from "../runtime/system-runtime.ts";
import { type Report, simulate, type SimulationOptions } from "./simulate.ts";

const HELP = `npm run test:sim -- [options]
  --seed N      one seed, with everything that happened
  --seeds N     how many seeds (default 2000)
  --from N      the first (default 1)
  --minutes N   as many seeds as fit into that time
  --nodes N     processes on the store (default: as the seed says, 1 to 3)
  --long        longer lives with more of everything
  --bail N      stop after that many failing seeds (default 1)
`;

/** Violations told of one seed: the first says most. */
const SHOWN_MAX = 5;

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    seeds: { type: "string" },
    from: { type: "string" },
    minutes: { type: "string" },
    nodes: { type: "string" },
    long: { type: "boolean" },
    bail: { type: "string" },
    help: { type: "boolean" },
  },
});

const { clock } = systemRuntime({ debug() {}, info() {}, warn() {}, error() {} });
const say = (text: string): void => void process.stdout.write(`${text}\n`);
const options: SimulationOptions = {
  size: values.long === true ? "long" : "short",
  nodes: values.nodes === undefined ? undefined : Number(values.nodes),
};

if (values.help === true) say(HELP);
else if (values.seed !== undefined) await one(Number(values.seed));
else await many();

/** One seed, told in full. */
async function one(seed: number): Promise<void> {
  const report = await simulate(seed, { ...options, keepLines: true });
  for (const line of report.lines) say(line);
  tell(report);
  say(`seed ${seed}: ${JSON.stringify(report.figures)} trace ${report.hash}`);
}

async function many(): Promise<void> {
  const from = Number(values.from ?? 1);
  const until =
    values.minutes === undefined
      ? Number.POSITIVE_INFINITY
      : clock.monotonic() + Number(values.minutes) * 60_000;
  const count = Number(values.seeds ?? (values.minutes === undefined ? 2_000 : Number.MAX_SAFE_INTEGER));
  const bail = Number(values.bail ?? 1);
  const startedAt = clock.monotonic();
  const cpu = process.cpuUsage();
  let failed = 0;
  let seeds = 0;
  const sum = { messages: 0, posts: 0, processes: 0, passedMs: 0 };
  // A rejected promise that nobody looks at ends a process: the seed must be told before.
  process.once("unhandledRejection", (error) => {
    say(`seed ${from + seeds}: a promise was rejected and nobody looked at it: ${String(error)}`);
    process.exit(1);
  });
  for (; seeds < count && failed < bail && clock.monotonic() < until; seeds++) {
    const report = await simulate(from + seeds, options);
    sum.messages += report.figures.messages;
    sum.posts += report.figures.posts;
    sum.processes += report.figures.processes;
    sum.passedMs += report.figures.passedMs;
    if (report.violations.length === 0) continue;
    failed += 1;
    tell(report);
  }
  const seconds = (clock.monotonic() - startedAt) / 1_000;
  const { user, system } = process.cpuUsage(cpu);
  const rate = seeds / ((user + system) / 1e6);
  say(
    `${seeds} seeds from ${from}, ${failed} failed, ${seconds.toFixed(1)} s, ${rate.toFixed(0)} seeds a second of one core: ` +
      `${sum.messages} requests, ${sum.posts} POSTs, ${sum.processes} processes, ${(sum.passedMs / 3_600_000).toFixed(1)} h passed`,
  );
}

function tell({ seed, violations }: Report): void {
  if (violations.length === 0) return;
  process.exitCode = 1;
  for (const { validator, promise, explanation, at } of violations.slice(0, SHOWN_MAX)) {
    say(
      `seed ${seed} at ${at.toFixed(0)} ms: ${validator} is broken: ${explanation}\n  promised: ${promise}`,
    );
  }
  const flags = `${values.long === true ? " --long" : ""}${values.nodes === undefined ? "" : ` --nodes ${values.nodes}`}`;
  say(`  again: npm run test:sim -- --seed ${seed}${flags}`);
}

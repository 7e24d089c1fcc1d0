import { parseArgs } from "node:util";
import type { Counts } from "./fault-test.ts";
import type { BackendName } from "./harness/backend.ts";

const BACKENDS = ["sqlite", "postgres"] as const satisfies readonly BackendName[];

export interface Options {
  readonly long: boolean;
  /** Null: all. */
  readonly only: readonly string[] | null;
  readonly backends: readonly BackendName[];
  readonly counts: Counts;
  readonly jobs: number;
  readonly seed: number;
  readonly stallMs: number;
  readonly json: string | null;
  readonly keep: string | null;
  readonly broken: string | null;
}

export const USAGE = `npm run test:faults -- [options]
  --long           the numbers of the promise (500 kills, 200 power cuts, …) instead of those of a CI run
  --only T1,T2     these tests
  --backend NAME   sqlite or postgres; both when not given
  --jobs N         tests side by side, each in a process of its own (3)
  --kills N        T1: kills
  --cuts N         T2: power cuts
  --keys N         T3: idempotency keys
  --calls N        T17: every system call from the first to the Nth fails once
  --pending N      T15: deliveries that wait out the outage
  --restarts N     T28: graceful stops
  --seed N         repeats the choices of a run; the machine's timing is its own
  --stall SECONDS  how long nothing may move before a test gives up (20)
  --json FILE      the results as JSON
  --keep DIR       keeps every ledger, not only those of failed tests
  --broken NAME    breaks one part of the program first: the tests have to find it (see broken/mutants.ts)`;

/** Undefined where help is asked for. */
export function readOptions(args: readonly string[]): Options | undefined {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: "boolean", short: "h", default: false },
      long: { type: "boolean", default: false },
      only: text,
      backend: text,
      jobs: text,
      kills: text,
      cuts: text,
      keys: text,
      calls: text,
      pending: text,
      restarts: text,
      seed: text,
      stall: text,
      json: text,
      keep: text,
      broken: text,
    },
  });
  if (values.help) return undefined;
  const backend = BACKENDS.find((name) => name === values.backend);
  if (values.backend !== undefined && backend === undefined) {
    throw new Error(`--backend is one of ${BACKENDS.join(", ")}`);
  }
  return {
    long: values.long,
    only: values.only?.split(",").map((id) => id.toUpperCase()) ?? null,
    backends: backend === undefined ? BACKENDS : [backend],
    counts: {
      kills: whole("kills", values.kills),
      cuts: whole("cuts", values.cuts),
      keys: whole("keys", values.keys),
      calls: whole("calls", values.calls),
      pending: whole("pending", values.pending),
      restarts: whole("restarts", values.restarts),
    },
    jobs: whole("jobs", values.jobs) ?? 3,
    seed: whole("seed", values.seed) ?? Date.now() % 1_000_000,
    stallMs: (whole("stall", values.stall) ?? 20) * 1_000,
    json: values.json ?? null,
    keep: values.keep ?? null,
    broken: values.broken ?? null,
  };
}

function whole(flag: string, value: string | undefined): number | null {
  if (value === undefined) return null;
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1) throw new Error(`--${flag} is a whole number above 0`);
  return number;
}

import { tmpdir } from "node:os";
import { parseArgs } from "node:util";

/** Enough endpoints that no lane, connection pool or limit of one endpoint is what is measured. */
export const APPLICATIONS = 20;
/** Requests in flight at the maximum rate: a small fleet of senders, and enough that a commit has company. */
export const CONNECTIONS = 64;
export const BATCH = 100;
/** A batch is a hundred events: fewer connections keep the events in flight comparable. */
export const BATCH_CONNECTIONS = 8;
/** With a fixed schedule a connection is never what is missing. */
export const SCHEDULE_CONNECTIONS = 256;
/** Nothing measured here is this slow; a run that hangs ends. */
export const PATIENCE_MS = 120_000;

const SUBJECTS = [
  "posthaste",
  "posthaste-batch",
  "posthaste-postgres",
  "posthaste-postgres-2",
  "relay",
  "bullmq",
] as const;
export type SubjectName = (typeof SUBJECTS)[number];

/** In a round, those that are compared follow each other: a machine in a cloud changes its own speed within minutes. */
export const RUN_ORDER: readonly SubjectName[] = [
  "posthaste-postgres-2",
  "posthaste-postgres",
  "posthaste",
  "bullmq",
  "relay",
  "posthaste-batch",
];

export interface Options {
  readonly only: readonly SubjectName[];
  readonly rounds: number;
  /**
   * Events of the warm-up and of the measured part; a subject is given the share of it that takes as long.
   * A server runs for weeks, so it is its compiled code that is measured: all subjects still gain until about
   * 40,000 events.
   */
  readonly warmUpEvents: number;
  readonly measuredEvents: number;
  readonly halfLoadMs: number;
  readonly scenarios: readonly ScenarioName[];
  readonly pendingDeliveries: number;
  readonly neighbourEvents: number;
  readonly neighbourMs: number;
  readonly storedMessages: number;
  readonly postgresStoredMessages: number;
  readonly searchedMessages: number;
  readonly replayedMessages: number;
  /** Live events of each part beside the replay. */
  readonly replayEvents: number;
  readonly dataDir: string;
  readonly json: boolean;
  readonly markdown: boolean;
}

const SCENARIOS = [
  "pending",
  "neighbour",
  "transformation",
  "replay",
  "growth",
  "postgres-growth",
  "search",
] as const;
export type ScenarioName = (typeof SCENARIOS)[number];

export const USAGE = `npm run bench -- [options]
  --quick               one short round and small scenarios, about 40 s: a smoke test, not a measurement
  --full                everything, the growth to 2,000,000 stored messages (on PostgreSQL 5,000,000) and search included
  --only A,B            of ${[...SUBJECTS, ...SCENARIOS].join(", ")}
  --rounds N            rounds of all subjects, interleaved, and of the scenario neighbour (3)
  --stored N            runs the growth scenario, or the postgres-growth or search that is asked for, to N stored messages
  --data-dir DIR        where data is kept while it runs (the system's temp folder); an fsync costs what its disk costs
  --json                one JSON object on stdout, progress on stderr (npm run --silent leaves out the lines of npm)
  --markdown            the tables as Markdown
On a machine with more than two cores, "taskset -c 0,1 npm run bench" compares with the published figures.`;

/** Undefined where help is asked for. */
export function readOptions(args: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      full: { type: "boolean", default: false },
      only: { type: "string" },
      rounds: { type: "string" },
      stored: { type: "string" },
      "data-dir": { type: "string", default: tmpdir() },
      json: { type: "boolean", default: false },
      markdown: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return undefined;
  const { quick, full } = values;
  const asked = values.only?.split(",").filter((name) => name !== "");
  const known: readonly string[] = [...SUBJECTS, ...SCENARIOS];
  for (const name of asked ?? [])
    if (!known.includes(name)) throw new Error(`--only ${name}: not one of ${known.join(", ")}`);
  const wanted = (name: string): boolean => asked === undefined || asked.includes(name);
  const isAsked = (name: ScenarioName): boolean => full || (asked?.includes(name) ?? false);
  const postgresGrowth = isAsked("postgres-growth");
  const search = isAsked("search");
  const growth = isAsked("growth") || (values.stored !== undefined && !postgresGrowth && !search);
  return {
    only: SUBJECTS.filter(wanted),
    rounds: wholeNumber("--rounds", values.rounds, quick ? 1 : 3),
    warmUpEvents: quick ? 8_000 : 40_000,
    measuredEvents: quick ? 8_000 : 30_000,
    halfLoadMs: quick ? 1_000 : 3_000,
    scenarios: SCENARIOS.filter((name) => {
      if (name === "growth") return growth;
      if (name === "search") return search;
      if (name === "replay") return isAsked(name);
      return name === "postgres-growth" ? postgresGrowth : wanted(name);
    }),
    pendingDeliveries: quick ? 20_000 : 200_000,
    neighbourEvents: quick ? 5_000 : 30_000,
    neighbourMs: quick ? 1_000 : 4_000,
    storedMessages: wholeNumber("--stored", values.stored, 2_000_000),
    postgresStoredMessages: wholeNumber("--stored", values.stored, 5_000_000),
    searchedMessages: wholeNumber("--stored", values.stored, quick ? 100_000 : 5_000_000),
    replayedMessages: quick ? 10_000 : 100_000,
    replayEvents: quick ? 5_000 : 30_000,
    dataDir: values["data-dir"],
    json: values.json,
    markdown: values.markdown,
  };
}

function wholeNumber(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new Error(`${name} ${text}: a whole number from 1 is needed`);
  return value;
}

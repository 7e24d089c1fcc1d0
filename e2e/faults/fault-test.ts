import type { Backend, BackendName } from "./harness/backend.ts";
import type { Random } from "./harness/random.ts";

/** The counts that flags set: `--kills 500`. */
export interface Counts {
  readonly kills: number | null;
  readonly cuts: number | null;
  readonly keys: number | null;
  readonly calls: number | null;
  readonly pending: number | null;
  readonly restarts: number | null;
}

/** What a test gets. */
export interface Context {
  readonly backend: Backend;
  /** The form on demand: the numbers of the promise rather than those of a CI run. */
  readonly long: boolean;
  readonly counts: Counts;
  readonly random: Random;
  /** For ledgers and whatever else; removed afterwards unless something went wrong. */
  readonly folder: string;
  /** How long nothing may move before a test gives up waiting. */
  readonly stallMs: number;
  /** Node's flags for the processes under test: none, or those that break one part. */
  readonly nodeArgs: readonly string[];
  /** Progress of a long run, on stderr. */
  readonly say: (line: string) => void;
}

export type Figures = Readonly<Record<string, number | string>>;

export interface Verdict {
  /** Empty: the promise held. */
  readonly violations: readonly string[];
  readonly figures: Figures;
}

export interface FaultTest {
  /** Its number in the list of tests. */
  readonly id: string;
  /** What it shows, in one sentence. */
  readonly sentence: string;
  readonly backends: readonly BackendName[];
  run(context: Context): Promise<Verdict>;
}

import { join } from "node:path";

/** One part of the program, changed as its source is loaded. */
export interface Mutant {
  /** Under `packages/`. */
  readonly file: string;
  /** Stands there exactly once. */
  readonly find: string;
  readonly replace: string;
}

const CORE = "core/src";

/**
 * Bugs that somebody could make. None can be reached in production: they exist only while the loader of this
 * folder is put before the program, and that is done by its tests alone.
 */
export const MUTANTS: Readonly<Record<string, readonly Mutant[]>> = {
  /** Answers 202, then writes. */
  "ack-before-commit": [
    {
      file: `${CORE}/engine/committer.ts`,
      find: `      result = await this.#store.commit({`,
      replace: `      this.#answer(accepts, [], { accepted: accepts.flatMap(({ messages }) => messages.map(() => ({ kind: "accepted" as const }))), settled: [] });
      accepts.forEach((one, index) => (accepts[index] = { ...one, resolve: () => {}, reject: () => {} }));
      await new Promise((resolve) => setTimeout(resolve, 50));
      result = await this.#store.commit({`,
    },
  ],
  ...synchronous("normal", 1),
  ...synchronous("off", 0),
};

/** What the control runs of the power cut use: commits that return before they are on disk. */
function synchronous(setting: string, code: number): Record<string, readonly Mutant[]> {
  const file = `${CORE}/storage/sqlite/connection.ts`;
  return {
    [`synchronous-${setting}`]: [
      { file, find: '"PRAGMA synchronous = FULL"', replace: `"PRAGMA synchronous = ${setting}"` },
      { file, find: "const SYNCHRONOUS_FULL = 2", replace: `const SYNCHRONOUS_FULL = ${code}` },
    ],
  };
}

/** Node's flags that put the loader before the program. */
export function brokenArgs(name: string): string[] {
  if (MUTANTS[name] === undefined) {
    throw new Error(`There is no ${name}; there are ${Object.keys(MUTANTS).join(", ")}.`);
  }
  return ["--import", `${join(import.meta.dirname, "load.ts")}?${name}`];
}

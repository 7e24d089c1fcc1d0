import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { CONDITIONS, MUTANTS } from "./mutants.ts";

const PACKAGES = join(import.meta.dirname, "../../../packages");

test.each(Object.entries({ ...MUTANTS, ...CONDITIONS }))("%s fits the program as it is", (_, changes) => {
  for (const { file, find } of changes) {
    const places = readFileSync(join(PACKAGES, file), "utf8").split(find).length - 1;
    expect([file, find, places]).toEqual([file, find, 1]);
  }
});

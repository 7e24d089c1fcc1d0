import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";

const ROOT = resolve(import.meta.dirname, "../../..");

/** Rows of the table: threat, defence, the tests that show it. */
const defences = readFileSync(resolve(ROOT, "docs/security.md"), "utf8")
  .split("\n")
  .filter((line) => line.startsWith("| "))
  .map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )
  .slice(1);

describe("the threat model", () => {
  it("has its defences in one table", () => {
    expect(defences.length).toBeGreaterThan(15);
    for (const cells of defences) expect(cells, cells.join(" ")).toHaveLength(3);
  });

  it.each(defences)("%s: %s, and a test that is there shows it", (_threat, _defence, shown = "") => {
    const files = [...shown.matchAll(/`([^`]+)`/g)].map(([, file = ""]) => file);
    expect(files).not.toEqual([]);
    for (const file of files) {
      // What `npm test` runs.
      expect(file).toMatch(/^(packages\/[a-z]+\/src|e2e|bench|deploy)\/.+\.test\.ts$/);
      expect(existsSync(resolve(ROOT, file)), `${file} is not there`).toBe(true);
    }
  });
});

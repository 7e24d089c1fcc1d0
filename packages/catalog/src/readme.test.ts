import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { creatorsDay, eventGroups, eventTypes, scenarios } from "./index.ts";

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");

it("the README's table is the catalog, row by row", () => {
  const rows = eventTypes.map((entry) => {
    const group = eventGroups.find((candidate) => candidate.name === entry.group)!;
    return `| ${group.title} | \`${entry.name}\` | ${entry.sentence} | ${entry.description} |`;
  });
  const table = readme.split("\n").filter((line) => /^\| [A-Z][a-z]+ \| `/.test(line));
  expect(table.join("\n")).toBe(rows.join("\n"));
});

it("the README names every scenario and counts its events", () => {
  for (const scenario of scenarios) expect(readme).toContain(`\`${scenario.name}\``);
  expect(readme).toContain(`${creatorsDay.steps.length} events`);
});

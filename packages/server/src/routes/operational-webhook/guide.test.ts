import { readFileSync } from "node:fs";
import { OPERATIONAL_EVENT_TYPES } from "@posthaste/core/domain/operational";
import { expect, it } from "vitest";
import { loadSvixContract } from "../../testing/svix-contract.ts";

const GUIDE = new URL("../../../../../docs/guides/operational-webhooks.md", import.meta.url);
const contract = loadSvixContract();

const sections = readFileSync(GUIDE, "utf8")
  .split(/^### /m)
  .slice(1)
  .map((text): [string, string] => [text.split("\n", 1)[0] ?? "", text]);

it("has a section for each event that is sent", () => {
  const sent = OPERATIONAL_EVENT_TYPES.filter((type) => !type.startsWith("ingest."));
  expect(sections.map(([type]) => type).toSorted()).toEqual(sent);
});

it("takes the names of the contract, and no others", () => {
  const names = Object.keys((contract?.webhooks["x-webhooks"] ?? {}) as object);
  if (contract !== null) expect(names.toSorted()).toEqual([...OPERATIONAL_EVENT_TYPES]);
});

it.each(sections)("the example of %s is one of the contract", (type, text) => {
  const [, example = ""] = /```json\n(.*)\n```/.exec(text) ?? [];
  const payload = JSON.parse(example) as { type: string };
  expect(payload.type).toBe(type);
  expect(contract?.eventFault(payload) ?? null).toBeNull();
});

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { currentCompatibility } from "./current.ts";
import { clientMethods } from "./svix-client.ts";
import { factsOfContract, readFacts } from "./svix-facts.ts";
import { compatibilityTable, standingOf, TABLE_FILE } from "./table.ts";

describe("docs/compatibility.md", () => {
  it("is up to date; `npm run generate` writes it anew", () => {
    const written = readFileSync(TABLE_FILE, "utf8");
    expect(
      written === compatibilityTable(currentCompatibility()),
      "docs/compatibility.md is out of date",
    ).toBe(true);
  });

  it("rests on facts that are those of Svix's document", () => {
    const contract = factsOfContract();
    if (contract === null) {
      console.log("Svix's OpenAPI document is not at hand: the kept facts are not checked against it.");
      return;
    }
    expect(readFacts()).toEqual(contract);
  });

  it("finds the methods of Svix's client", () => {
    const methods = clientMethods();
    expect(methods.get("application.getOrCreate")).toBe("POST /api/v1/app");
    expect(methods.get("message.poller.poll")).toBe("GET /api/v1/app/{app_id}/poller/{sink_id}");
    expect(methods.get("operationalWebhook.endpoint.create")).toBe(
      "POST /api/v1/operational-webhook/endpoint",
    );
  });

  it("calls an operation answered only when it is served and called by a test", () => {
    const current = currentCompatibility();
    const operation = "GET /api/v1/app";
    expect(standingOf(operation, current)).toBe("yes");
    expect(standingOf(operation, { ...current, tested: new Set() })).toBe("untested");
    expect(standingOf(operation, { ...current, routes: [] })).toBe("no");
  });
});

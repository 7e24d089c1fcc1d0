import { describe } from "vitest";
import { clusterSuite } from "../testing/cluster.suite.ts";
import { storeConformance } from "../testing/conformance.ts";
import { makeStore, noPostgres } from "./testing/test-database.ts";

describe.skipIf(noPostgres)("on PostgreSQL", () => {
  storeConformance("PostgreSQL", () => makeStore());
  describe("cluster", () => clusterSuite(() => makeStore()));
});

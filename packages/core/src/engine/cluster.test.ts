import { describe } from "vitest";
import { sharedSqlite } from "./testing/cluster-harness.ts";
import { clusterEngineSuite } from "./testing/cluster.suite.ts";

describe("several engines on one store", () => clusterEngineSuite(sharedSqlite));

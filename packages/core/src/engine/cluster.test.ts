import { describe } from "vitest";
import { noPostgres } from "../storage/postgres/testing/test-database.ts";
import { sharedPostgres, sharedSqlite } from "./testing/cluster-harness.ts";
import { clusterEngineSuite } from "./testing/cluster.suite.ts";

describe("several engines on one store", () => clusterEngineSuite(sharedSqlite));

describe.skipIf(noPostgres)("several engines on one PostgreSQL", () => clusterEngineSuite(sharedPostgres));

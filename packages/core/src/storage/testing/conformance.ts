import { describe } from "vitest";
import { cancellationSuite } from "./cancellation.suite.ts";
import { claimSuite } from "./claim.suite.ts";
import { commitSuite } from "./commit.suite.ts";
import { contentsSuite } from "./contents.suite.ts";
import { controlPlaneSuite } from "./control-plane.suite.ts";
import { credentialSuite } from "./credentials.suite.ts";
import { dataKeySuite } from "./data-key.suite.ts";
import { environmentDeletionSuite } from "./environment-deletion.suite.ts";
import { environmentSuite } from "./environment.suite.ts";
import { historySuite } from "./history.suite.ts";
import { leaseSuite } from "./lease.suite.ts";
import { orphanSuite } from "./orphan.suite.ts";
import { operationalSuite } from "./operational.suite.ts";
import { pollingSuite } from "./polling.suite.ts";
import { overviewSuite } from "./overview.suite.ts";
import { pruneSuite } from "./prune.suite.ts";
import { searchSuite } from "./search.suite.ts";
import { taskSuite } from "./task.suite.ts";
import { wipeSuite } from "./wipe.suite.ts";
import type { MakeStore } from "./setup.ts";

/** What every store guarantees. One suite for all of them: a change of the port starts here. */
export function storeConformance(name: string, makeStore: MakeStore): void {
  describe(name, () => {
    describe("commit", () => commitSuite(makeStore));
    describe("claims", () => claimSuite(makeStore));
    describe("leases, resend and resume", () => leaseSuite(makeStore));
    describe("control plane", () => controlPlaneSuite(makeStore));
    describe("environments", () => environmentSuite(makeStore));
    describe("deleting environments", () => environmentDeletionSuite(makeStore));
    describe("credentials", () => credentialSuite(makeStore));
    describe("data keys", () => dataKeySuite(makeStore));
    describe("history", () => historySuite(makeStore));
    describe("polling endpoints", () => pollingSuite(makeStore));
    describe("operational webhooks", () => operationalSuite(makeStore));
    describe("overview", () => overviewSuite(makeStore));
    describe("search", () => searchSuite(makeStore));
    describe("contents", () => contentsSuite(makeStore));
    describe("payloads that go once delivered", () => wipeSuite(makeStore));
    describe("cancellation", () => cancellationSuite(makeStore));
    describe("background tasks", () => taskSuite(makeStore));
    describe("retention", () => pruneSuite(makeStore));
    describe("orphans", () => orphanSuite(makeStore));
  });
}

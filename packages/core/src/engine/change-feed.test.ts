import { expect, test } from "vitest";
import { CHANGE_POLL_MS } from "../domain/limits.ts";
import { fakeRuntime } from "../runtime/testing/fake-runtime.ts";
import type { ClusterStore } from "../storage/port.ts";
import type { Applications } from "./applications.ts";
import { ChangeFeed } from "./change-feed.ts";

test("where changes cannot be told, everything is recalled and read again before it says so", async () => {
  const runtime = fakeRuntime();
  const done: string[] = [];
  let gap = false;
  const cluster = {
    findChanges: async () => ({ ids: [], recalled: [], gap, cursor: gap ? "after" : "before" }),
    acknowledge: async ({ cursor }: { cursor: string }) => void done.push(`heard up to ${cursor}`),
  } satisfies Partial<ClusterStore>;
  const applications = { changedSomewhere: async () => void done.push("read again") };
  const feed = new ChangeFeed({
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what a feed asks of it
    cluster: cluster as unknown as ClusterStore,
    runtime,
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what a feed asks of it
    applications: applications as unknown as Applications,
    recall: (appId) => void done.push(`recalled ${appId ?? "everything"}`),
    nodeId: () => "node_a",
  });
  const stopped = new AbortController();
  const running = feed.run(stopped.signal);
  await runtime.advance(CHANGE_POLL_MS);
  done.length = 0;
  await runtime.advance(CHANGE_POLL_MS);
  expect(done).toEqual([]);
  gap = true;
  await runtime.advance(CHANGE_POLL_MS);
  expect(done.slice(0, 3)).toEqual(["recalled everything", "read again", "heard up to after"]);
  stopped.abort();
  await runtime.advance(CHANGE_POLL_MS);
  await running;
});

import type { Engine } from "@posthaste/core/engine/engine";
import type { Store } from "@posthaste/core/storage/port";
import { expect, test } from "vitest";
import { Metrics } from "./metrics.ts";

const IDLE = {
  inFlight: 0,
  queuedDeliveries: 0,
  queuedBytes: 0,
  commitQueue: 0,
  lanes: 0,
  brokenLanes: 0,
  cluster: { nodes: 3, beatAgeMs: 1_250 },
};

/** Only what metrics read. */
function watched(): {
  metrics: Metrics;
  state: { inFlight: number; due: number; ok: boolean; asked: number; away: boolean };
} {
  const state = { inFlight: 0, due: 0, ok: true, asked: 0, away: false };
  const engine = {
    snapshot: () => ({ ...IDLE, inFlight: state.inFlight }),
    health: async () => ({ ok: state.ok, reason: "" }),
  } as unknown as Engine;
  const store = {
    stats: async () => {
      state.asked += 1;
      if (state.away) throw new Error("the database is away");
      return { dueDeliveries: state.due, databaseBytes: 1, walBytes: 2 };
    },
  } as unknown as Store;
  const metrics = new Metrics();
  metrics.watch({ engine, store });
  return { metrics, state };
}

test("a scrape shows the state of that moment, and asks the store once", async () => {
  const { metrics, state } = watched();
  Object.assign(state, { inFlight: 7, due: 20_000, ok: false });
  const text = await metrics.registry.metrics();
  expect(text).toContain("posthaste_in_flight 7\n");
  expect(text).toContain("posthaste_due_deliveries 20000\n");
  expect(text).toContain("posthaste_healthy 0\n");
  expect(state.asked).toBe(1);
  state.inFlight = 3;
  expect(await metrics.registry.metrics()).toContain("posthaste_in_flight 3\n");
});

test("while the store cannot be asked the other numbers are still shown, those of the nodes first", async () => {
  const { metrics, state } = watched();
  Object.assign(state, { inFlight: 7, away: true });
  metrics.tookOver();
  metrics.leaseReplaced();
  const text = await metrics.registry.metrics();
  expect(text).toContain("posthaste_in_flight 7\n");
  expect(text).toContain("posthaste_due_deliveries Nan\n");
  expect(text).toContain("posthaste_nodes 3\n");
  expect(text).toContain("posthaste_beat_age_seconds 1.25\n");
  expect(text).toContain("posthaste_takeovers_total 1\n");
  expect(text).toContain("posthaste_leases_replaced_total 1\n");
});

test("attempts are counted by outcome and class, never by application or endpoint", async () => {
  const { metrics } = watched();
  const attempt = { durationMs: 12, dispatchLatencyMs: 1, errorClass: null };
  metrics.attemptEnded({ ...attempt, outcome: "success", statusCode: 204 });
  metrics.attemptEnded({ ...attempt, outcome: "fail", statusCode: 503 });
  metrics.attemptEnded({ ...attempt, outcome: "fail", statusCode: 999 });
  metrics.attemptEnded({ ...attempt, outcome: "fail", statusCode: 0, errorClass: "dns_failed" });
  metrics.messagesAccepted(5);
  metrics.requestRefused("token");
  const text = await metrics.registry.metrics();
  expect(text).toContain('posthaste_attempts_total{outcome="success",class="2xx"} 1');
  expect(text).toContain('posthaste_attempts_total{outcome="fail",class="5xx"} 1');
  expect(text).toContain('posthaste_attempts_total{outcome="fail",class="9xx"} 1');
  expect(text).toContain('posthaste_attempts_total{outcome="fail",class="dns_failed"} 1');
  expect(text).toContain("posthaste_messages_accepted_total 5");
  expect(text).toContain('posthaste_requests_refused_total{quota="token"} 1');
  expect(text).not.toMatch(/\{[^}]*(app|endpoint)_?id/i);
});

test("attempts add up over scrapes, and a scrape without any changes nothing", async () => {
  const { metrics } = watched();
  const end = {
    outcome: "success",
    statusCode: 200,
    errorClass: null,
    durationMs: 12,
    dispatchLatencyMs: 1,
  } as const;
  for (const [ended, total] of [
    [2, 2],
    [0, 2],
    [1, 3],
  ] as const) {
    for (let count = 0; count < ended; count++) metrics.attemptEnded(end);
    const text = await metrics.registry.metrics();
    expect(text).toContain(`posthaste_attempts_total{outcome="success",class="2xx"} ${total}\n`);
    expect(text).toContain(`posthaste_attempt_seconds_count ${total}\n`);
  }
});

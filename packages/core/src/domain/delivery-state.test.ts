import { expect, test } from "vitest";
import { settle, type Outcome, type Settlement } from "./delivery-state.ts";
import { DAY_MS } from "./time.ts";

const NOW = 1_790_000_000_000;

function after(
  outcome: Outcome,
  { attempts = 0, once = false, failingSince = null as number | null } = {},
): Settlement {
  return settle({
    delivery: { attempts, once },
    outcome,
    scheduleMs: [1_000, 2_000],
    failingSince,
    now: NOW,
    random: 0.5,
  });
}

const answered = (statusCode: number, retryAfterMs: number | null = null): Outcome => ({
  kind: "response",
  statusCode,
  retryAfterMs,
  directive: null,
});

test.each([200, 201, 202, 204, 299])("a %i answer succeeds", (statusCode) => {
  expect(after(answered(statusCode))).toMatchObject({ state: "succeeded", nextAttemptAt: null, lane: "ok" });
});

test.each([100, 199, 300, 301, 302, 307, 308, 400, 401, 404, 422, 500])(
  "a %i answer is tried again",
  (statusCode) => {
    expect(after(answered(statusCode))).toMatchObject({ state: "pending", nextAttemptAt: NOW + 1_000 });
  },
);

test("no answer is tried again and counts against the lane", () => {
  expect(after({ kind: "failure" })).toMatchObject({ state: "pending", attempts: 1, lane: "fail" });
});

test("the last failure of the schedule ends the delivery as failed", () => {
  expect(after(answered(500), { attempts: 2 })).toMatchObject({ state: "failed", nextAttemptAt: null });
});

test("410 ends the delivery and disables the endpoint", () => {
  expect(after(answered(410))).toMatchObject({
    state: "failed",
    endpoint: { kind: "disable", reason: "gone" },
  });
});

test.each([429, 502, 503, 504])("%i slows the lane and its Retry-After is honoured", (statusCode) => {
  expect(after(answered(statusCode, 30_000))).toMatchObject({
    state: "pending",
    lane: "slow",
    nextAttemptAt: NOW + 30_000,
  });
});

test("a receiver can call off one message, or everything, beside a failing status", () => {
  const ask = { kind: "response", statusCode: 400, retryAfterMs: null } as const;
  expect(after({ ...ask, directive: "abort-message" })).toMatchObject({
    state: "failed",
    endpoint: { kind: "failing_since" },
  });
  expect(after({ ...ask, directive: "disable" })).toMatchObject({
    state: "failed",
    endpoint: { kind: "disable", reason: "gone" },
  });
});

test("an attempt cut by a shutdown burns no retry", () => {
  expect(after({ kind: "interrupted" }, { attempts: 2 })).toMatchObject({
    state: "pending",
    attempts: 2,
    nextAttemptAt: NOW,
    endpoint: { kind: "unchanged" },
  });
});

test("a resend of an ended delivery is one attempt without retries", () => {
  expect(after(answered(500), { once: true })).toMatchObject({ state: "failed" });
});

test("the run of failures begins with the first and ends with a success", () => {
  expect(after(answered(500)).endpoint).toEqual({ kind: "failing_since", at: NOW });
  expect(after(answered(500), { failingSince: NOW - 1 }).endpoint).toEqual({ kind: "unchanged" });
  expect(after(answered(200), { failingSince: NOW - 1 }).endpoint).toEqual({
    kind: "failing_since",
    at: null,
  });
});

test("five days of nothing but failures disable the endpoint, a minute less does not", () => {
  expect(after(answered(404), { failingSince: NOW - 5 * DAY_MS }).endpoint).toEqual({
    kind: "disable",
    reason: "failing",
  });
  expect(after(answered(404), { failingSince: NOW - 5 * DAY_MS + 60_000 }).endpoint.kind).toBe("unchanged");
});

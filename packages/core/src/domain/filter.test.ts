import { expect, test } from "vitest";
import { wants } from "./filter.ts";

const endpoint = { disabled: false, eventTypes: null, channels: null };
const message = { eventType: "order.completed", channels: null };

test("an endpoint without filters takes every message", () => {
  expect(wants(endpoint, message)).toBe(true);
  expect(wants(endpoint, { ...message, channels: ["ana"] })).toBe(true);
});

test("a disabled endpoint takes none", () => {
  expect(wants({ ...endpoint, disabled: true }, message)).toBe(false);
});

test("event types match by their whole name", () => {
  expect(wants({ ...endpoint, eventTypes: ["order.completed"] }, message)).toBe(true);
  expect(wants({ ...endpoint, eventTypes: ["order"] }, message)).toBe(false);
});

test("an endpoint with channels takes only messages on one of them, never one without", () => {
  const some = { ...endpoint, channels: ["ana", "ben"] };
  expect(wants(some, { ...message, channels: ["ben", "cem"] })).toBe(true);
  expect(wants(some, { ...message, channels: ["cem"] })).toBe(false);
  expect(wants(some, message)).toBe(false);
});

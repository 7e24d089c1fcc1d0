import { expect, test, vi } from "vitest";
import { RetrySchedules } from "./retry-schedules.ts";

const DEFAULT = [1_000];
const own = (name: string, ...waitsMs: number[]) => ({ name, waitsMs });

test("an event type's own waits win over the server's, in its environment only", async () => {
  const schedules = new RetrySchedules(
    { listRetrySchedules: async ({ environmentId }) => (environmentId === "env_a" ? [own("a.b", 5)] : []) },
    DEFAULT,
  );
  await Promise.all([schedules.ready("env_a"), schedules.ready("env_b")]);
  expect(schedules.of("env_a", "a.b")).toEqual([5]);
  expect(schedules.of("env_a", "a.c")).toBe(DEFAULT);
  expect(schedules.of("env_b", "a.b")).toBe(DEFAULT);
});

test("an environment is read once, and again when it changed", async () => {
  const listRetrySchedules = vi.fn(async () => [own("a.b", 5)]);
  const schedules = new RetrySchedules({ listRetrySchedules }, DEFAULT);
  await schedules.ready("env_a");
  await schedules.ready("env_a");
  expect(listRetrySchedules).toHaveBeenCalledTimes(1);
  listRetrySchedules.mockResolvedValueOnce([]);
  await schedules.refresh("env_a");
  expect(schedules.of("env_a", "a.b")).toBe(DEFAULT);
});

test("what was asked before a change and comes in after it says nothing", async () => {
  const answers: ((found: { name: string; waitsMs: number[] }[]) => void)[] = [];
  const listRetrySchedules = () =>
    new Promise<{ name: string; waitsMs: number[] }[]>((resolve) => answers.push(resolve));
  const schedules = new RetrySchedules({ listRetrySchedules }, DEFAULT);
  const [first, second] = [schedules.ready("env_a"), schedules.refresh("env_a")];
  answers[1]?.([own("a.b", 7)]);
  await second;
  answers[0]?.([own("a.b", 5)]);
  await first;
  expect(schedules.of("env_a", "a.b")).toEqual([7]);
});

test("a read that failed is made again by the next who needs it", async () => {
  const listRetrySchedules = vi.fn(async () => [own("a.b", 5)]);
  listRetrySchedules.mockRejectedValueOnce(new Error("away"));
  const schedules = new RetrySchedules({ listRetrySchedules }, DEFAULT);
  await expect(schedules.ready("env_a")).rejects.toThrow("away");
  await schedules.ready("env_a");
  expect(schedules.of("env_a", "a.b")).toEqual([5]);
});

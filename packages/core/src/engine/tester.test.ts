import { afterEach, expect, test } from "vitest";
import { cleanUp, engineHarness, type Harness } from "./testing/engine-harness.ts";
import { NEW_MESSAGE } from "./testing/receiver.ts";
import type { Endpoint } from "../domain/endpoint.ts";
import type { TestAttemptOutcome } from "./engine.ts";

afterEach(cleanUp);

function testAttempt({ engine, application }: Harness, endpoint: Endpoint): Promise<TestAttemptOutcome> {
  const { environmentId } = application;
  return engine.testAttempt({
    environmentId,
    application,
    endpoint,
    message: NEW_MESSAGE,
    idempotency: null,
  });
}

test("a test attempt is made beside the queue of a FIFO endpoint that is stuck, and owes nothing", async () => {
  const harness = await engineHarness();
  const endpoint = await harness.addEndpoint({ fifo: true });
  harness.answer = () => 500;
  await harness.send();
  await harness.until(async () => (await harness.attempts(endpoint)).length === 1);
  const outcome = await testAttempt(harness, endpoint);
  expect(outcome).toMatchObject({
    kind: "attempted",
    attempt: {
      status: "fail",
      statusCode: 500,
      trigger: "manual",
      deliveryState: "failed",
      nextAttemptAt: null,
    },
  });
  if (outcome.kind !== "attempted") return;
  const { id: messageId, appId } = outcome.message;
  expect(await harness.store.deliveries.listDue({ appId, messageId })).toEqual([]);
  expect(await harness.attempts(endpoint)).toHaveLength(2);
});

test("a shutdown waits for a test attempt, cuts it at the end, and it is recorded as failed", async () => {
  const harness = await engineHarness({ drainTimeoutMs: 1_000 });
  const endpoint = await harness.addEndpoint();
  harness.answer = () => new Promise<never>(() => {});
  const outcome = testAttempt(harness, endpoint);
  await harness.until(() => harness.posts.length === 1);
  const stopping = harness.engine.stop();
  await harness.pass(1_000);
  await stopping;
  expect(await outcome).toMatchObject({
    attempt: { status: "fail", errorClass: "interrupted", deliveryState: "failed", nextAttemptAt: null },
  });
  expect(await harness.attempts(endpoint)).toHaveLength(1);
  await expect(testAttempt(harness, endpoint)).rejects.toMatchObject({ code: "unavailable" });
});

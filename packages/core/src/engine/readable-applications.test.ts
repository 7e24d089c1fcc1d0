import { expect, test } from "vitest";
import { MINUTE_MS } from "../domain/time.ts";
import { fakeRuntime } from "../runtime/testing/fake-runtime.ts";
import { StoreUnavailable } from "../storage/port.ts";
import { ReadableApplications } from "./readable-applications.ts";

function setup(fail: (appId: string) => Error | null) {
  const runtime = fakeRuntime();
  let reads = 0;
  const routing = {
    findById: (appId: string) => {
      reads += 1;
      const error = fail(appId);
      return error === null ? Promise.resolve(null) : Promise.reject(error);
    },
  };
  return { runtime, readable: new ReadableApplications({ routing, runtime }), reads: () => reads };
}

test("an application that cannot be read counts as gone and is read again after a minute", async () => {
  const { runtime, readable, reads } = setup(() => new Error("the row of endpoint ep_1 cannot be read"));
  expect(await readable.findById("app_1")).toBeNull();
  expect(await readable.findById("app_1")).toBeNull();
  expect(reads()).toBe(1);
  await runtime.advance(MINUTE_MS);
  expect(await readable.findById("app_1")).toBeNull();
  expect(reads()).toBe(2);
});

test("a store that is away is everybody's trouble, not the application's", async () => {
  const { readable, reads } = setup(() => new StoreUnavailable("disk full"));
  await expect(readable.findById("app_1")).rejects.toThrow("disk full");
  await expect(readable.findById("app_1")).rejects.toThrow("disk full");
  expect(reads()).toBe(2);
});

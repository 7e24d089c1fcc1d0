import { expect, test } from "vitest";
import type { Job } from "./protocol.ts";
import { CodeFailed } from "./sandbox.ts";
import { Sandboxes } from "./sandboxes.ts";

/** What each part takes, in milliseconds of a clock that nothing else moves. */
const [MAKE_MS, LOAD_MS, KEEP_MS, RUN_MS] = [1_000, 30, 200, 4];

function setup({ max = 2, failing = "" } = {}) {
  let cpuMs = 0;
  const made: string[] = [];
  const sandboxes = new Sandboxes({
    cpuMs: () => cpuMs,
    max,
    async make({ key }) {
      cpuMs += MAKE_MS;
      made.push(key);
      return {
        sound: true,
        load() {
          cpuMs += LOAD_MS;
          if (failing === "load") throw new CodeFailed("It cannot be loaded.");
        },
        keep: () => void (cpuMs += KEEP_MS),
        run() {
          cpuMs += RUN_MS;
          if (failing === "run") throw new CodeFailed("It failed.");
          if (failing === "interpreter") throw new RangeError("the stack is full");
          return key;
        },
      };
    },
  });
  const answer = (key: string) => sandboxes.answer(job(key));
  return { answer, made };
}

function job(key: string): Job {
  const request = { url: "https://example.com", payload: "{}", seed: "msg_1", now: 0 };
  return { key, code: "", variables: null, eventType: "order.completed", ...request };
}

test("what a run costs is what its code takes: a sandbox that is slow to make makes no script slow", async () => {
  const { answer } = setup();
  expect(await answer("ep_1")).toEqual({ text: "ep_1", failure: null, costMs: LOAD_MS + RUN_MS });
  expect(await answer("ep_1")).toEqual({ text: "ep_1", failure: null, costMs: RUN_MS });
});

test("code that fails counts with what it took until then, also where it does nothing but load", async () => {
  expect(await setup({ failing: "run" }).answer("ep_1")).toEqual({
    text: null,
    failure: "It failed.",
    costMs: LOAD_MS + RUN_MS,
  });
  const { answer } = setup({ failing: "load" });
  for (let round = 0; round < 2; round++) {
    expect(await answer("ep_1")).toEqual({ text: null, failure: "It cannot be loaded.", costMs: LOAD_MS });
  }
});

test("a sandbox is kept for the next run of its code, the least used ones go, and one that broke is not used again", async () => {
  const { answer, made } = setup({ max: 2 });
  for (const key of ["ep_1", "ep_2", "ep_1", "ep_3", "ep_1", "ep_2"]) await answer(key);
  expect(made).toEqual(["ep_1", "ep_2", "ep_3", "ep_2"]);
  const broken = setup({ failing: "interpreter" });
  for (let round = 0; round < 2; round++) {
    expect(await broken.answer("ep_1")).toMatchObject({
      failure: expect.stringContaining("broke its sandbox"),
    });
  }
  expect(broken.made).toHaveLength(2);
});

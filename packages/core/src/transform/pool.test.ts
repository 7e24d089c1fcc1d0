import { afterAll, afterEach, describe, expect, test } from "vitest";
import { TRANSFORMATION_KILL_AFTER_MS, TRANSFORMATION_PAROLE_RUNS } from "../domain/limits.ts";
import { fakeRuntime } from "../runtime/testing/fake-runtime.ts";
import { TransformPool } from "./pool.ts";
import type { TransformOutcome, TransformRequest } from "./transformer.ts";

const runtime = fakeRuntime();
const pool = new TransformPool({ runtime });
const pools: TransformPool[] = [];
afterEach(async () => {
  for (const own of pools.splice(0)) await own.close();
});
afterAll(() => pool.close());

const NOW = Date.UTC(2026, 2, 14, 9, 26, 53);
let count = 0;

function request(code: string, over: Partial<TransformRequest> = {}): TransformRequest {
  const payload = '{"id":12345678901234567890,"name":"Ada"}';
  const base = { key: `ep_${++count}`, untrusted: false, variables: null, eventType: "order.completed" };
  return { ...base, url: "https://example.com/hook", payload, seed: "msg_1", now: NOW, code, ...over };
}

const run = (body: string, over: Partial<TransformRequest> = {}): Promise<TransformOutcome> =>
  pool.run(request(`function handler(webhook) { ${body} }`, over));

async function payloadOf(body: string, over: Partial<TransformRequest> = {}): Promise<unknown> {
  const outcome = await run(`webhook.payload = { got: (() => { ${body} })() }; return webhook;`, over);
  if (outcome.kind !== "transformed") throw new Error(JSON.stringify(outcome));
  return (JSON.parse(outcome.payload) as { got: unknown }).got;
}

describe("what a handler may do", () => {
  test("it changes payload, url, method and headers", async () => {
    expect(
      await run(
        `webhook.payload = { hello: webhook.payload.name, type: webhook.eventType };
         webhook.url += "/new"; webhook.method = "PUT"; webhook.headers["x-shop"] = "1"; return webhook;`,
      ),
    ).toEqual({
      kind: "transformed",
      url: "https://example.com/hook/new",
      method: "PUT",
      headers: { "x-shop": "1" },
      payload: '{"hello":"Ada","type":"order.completed"}',
      cancel: false,
    });
  });

  test("a payload it does not look at keeps every digit; one it looks at goes through JSON.parse", async () => {
    const unseen = await run('webhook.headers.a = "b"; return webhook;');
    expect(unseen).toMatchObject({ payload: '{"id":12345678901234567890,"name":"Ada"}' });
    const seen = await run("webhook.payload.x = 1; return webhook;");
    expect(seen).toMatchObject({ payload: '{"id":12345678901234567000,"name":"Ada","x":1}' });
  });

  test("it cancels, reads its variables, and may be an arrow function", async () => {
    expect(await run("webhook.cancel = true; return webhook;")).toMatchObject({ cancel: true });
    expect(await payloadOf("return env.shop;", { variables: { shop: "north" } })).toBe("north");
    const arrow = "const handler = (webhook) => ({ ...webhook, payload: 1 });";
    expect(await pool.run(request(arrow))).toMatchObject({ kind: "transformed", payload: "1" });
  });

  test("time stands at the message's, in UTC, and chance is the message's: every retry is the same", async () => {
    const body = "return [Date.now(), new Date().getHours(), Math.random(), Math.random()];";
    const first = await payloadOf(body);
    expect(first).toEqual([NOW, 9, expect.any(Number), expect.any(Number)]);
    expect(await payloadOf(body)).toEqual(first);
    expect(await payloadOf(body, { seed: "msg_2" })).not.toEqual(first);
  });
});

describe("what stays apart", () => {
  test("nothing of Node.js, the network or a module is in reach", async () => {
    const names = [
      "process",
      "require",
      "fetch",
      "setTimeout",
      "WebAssembly",
      "console",
      "module",
      "std",
      "os",
    ];
    expect(await payloadOf(`return ${JSON.stringify(names)}.filter((name) => name in globalThis);`)).toEqual(
      [],
    );
    const made = await payloadOf(`return this.constructor.constructor("return typeof process")();`);
    expect(made).toBe("undefined");
    expect(await run('return import("node:fs");')).toMatchObject({ kind: "failed" });
  });

  test("no run sees another one, whatever it changed", async () => {
    const code = `globalThis.seen = 0;
      function handler(webhook) {
        const before = [globalThis.seen, typeof {}.leak, JSON.stringify === evil];
        globalThis.seen += 1; Object.prototype.leak = 1; JSON.stringify = evil; Array.prototype.map = null;
        webhook.payload = { before }; return webhook;
      }
      function evil() { return "{}"; }`;
    const same = request(code);
    for (let round = 0; round < 3; round++) {
      expect(await pool.run(same)).toMatchObject({ payload: '{"before":[0,"undefined",false]}' });
    }
    // After a run that failed, too.
    const failing = request(`let n = 0; function handler() { n += 1; throw new Error("n is " + n); }`);
    for (let round = 0; round < 2; round++) {
      expect(await pool.run(failing)).toMatchObject({ message: expect.stringContaining("n is 1") });
    }
  });

  test.each([
    ["return null;", "must return the webhook"],
    ["", "must return the webhook"],
    ["return Promise.resolve(webhook);", "must not be async"],
    ["webhook.payload = undefined; return webhook;", "cannot be written as JSON"],
    ["webhook.payload = webhook; return webhook;", "circular"],
    ["webhook.url = 7; return webhook;", "url is no text"],
    ['webhook.method = "DELETE"; return webhook;', "POST, PUT, PATCH"],
    ["webhook.headers = [1]; return webhook;", "headers are not an object of texts"],
    ['webhook.headers["webhook-id"] = "x"; return webhook;', 'starting with "webhook-"'],
    ['webhook.headers.a = "1\\r\\nb: 2"; return webhook;', "printable ASCII"],
    ["\nreturn webhook.payload.no.such;", "(line 2)"],
    ['throw "a text";', "a text"],
    ["throw null;", ""],
    ["throw { get message() { for (;;); } };", ""],
    ['throw new Error("x".repeat(1e6));', "xxx"],
  ])("%s → a sentence", async (body, words) => {
    const outcome = await run(body);
    expect(outcome.kind).toBe("failed");
    if (outcome.kind !== "failed") return;
    expect(outcome.message).toContain(words);
    expect(outcome.message.length).toBeLessThan(600);
  });

  test("code that cannot be loaded says why", async () => {
    expect(await pool.run(request("function handler( {"))).toMatchObject({
      message: expect.stringContaining("SyntaxError"),
    });
    expect(await pool.run(request("const nothing = 1;"))).toMatchObject({
      message: expect.stringContaining("no function called handler"),
    });
  });
});

describe("a runaway script ends, and the next one runs", () => {
  test.each([
    ["an endless loop", "for (;;);", "ran longer"],
    ["one that catches what stops it", "for (;;) { try { for (;;); } catch {} }", "ran longer"],
    ["a memory bomb", "return new ArrayBuffer(64e6);", "memory"],
    ["a slow memory bomb", "const a = []; for (;;) a.push(new Array(1000).fill(1));", ""],
    ["a text bomb", 'let s = "x"; for (;;) s += s;', ""],
    ["a deep recursion", "const f = () => f() + 1; return f();", ""],
    ["a deep recursion of parsers", 'return JSON.parse("[".repeat(1e6));', ""],
    ["a regular expression bomb", 'return /^(a+)+$/.test("a".repeat(40) + "!");', ""],
    ["a loop of promises", "const next = () => Promise.resolve().then(next); return next();", "async"],
    ["a huge output", 'webhook.payload = "x".repeat(2e6); return webhook;', "larger than 1 MiB"],
    ["a getter that never ends", "return { payload: 1, get url() { for (;;); } };", "ran longer"],
    ["a loop at load", "}; for (;;); {", "ran longer"],
  ])("%s", async (_name, body, words) => {
    const key = `ep_runaway_${++count}`;
    const outcome = await run(body, { key });
    expect(outcome.kind).toBe("failed");
    expect(outcome).toMatchObject({ message: expect.stringContaining(words) });
    expect(await run("return webhook;", { key })).toMatchObject({ kind: "transformed" });
  });

  test("a thread that hangs in one built-in is ended, and what waited goes on in a new one", async () => {
    const own = new TransformPool({ runtime });
    pools.push(own);
    const hang = "function handler() { return new Array(4294967295).indexOf(1); }";
    const hanging = own.run(request(hang, { key: "ep_hang" }));
    const behind = own.run(request("function handler(webhook) { return webhook; }", { key: "ep_hang" }));
    await runtime.advance(TRANSFORMATION_KILL_AFTER_MS);
    expect(await hanging).toMatchObject({ kind: "failed" });
    expect(await behind).toMatchObject({ kind: "transformed" });
  });

  test("slow endpoints wait for each other, not the quick one for them", async () => {
    const own = new TransformPool({ runtime });
    pools.push(own);
    const slow = (key: string): Promise<TransformOutcome> =>
      own.run(request("function handler() { for (;;); }", { key }));
    const quick = (): Promise<TransformOutcome> =>
      own.run(request("function handler(webhook) { return webhook; }", { key: "ep_quick" }));
    const keys = Array.from({ length: 4 }, (_, index) => `ep_slow_${index}`);
    // Once each is enough to be known; the first runs of the quick one find an interpreter that is still being compiled, which may be slow, too.
    await Promise.all(keys.map(slow));
    for (let round = 0; round < 2 * TRANSFORMATION_PAROLE_RUNS; round++) await quick();
    const ended: string[] = [];
    const all = keys.map((key) => slow(key).then(() => ended.push(key)));
    for (let round = 0; round < 3; round++) await quick();
    ended.push("ep_quick");
    await Promise.all(all);
    // Counted in turns: if they shared the threads, three runs would end after the four slow ones.
    expect(ended.indexOf("ep_quick")).toBeLessThan(keys.length);
  });

  test("shutting down ends what waits, unsent", async () => {
    const own = new TransformPool({ runtime });
    const forever = Array.from({ length: 3 }, () =>
      own.run(request("function handler() { for (;;); }", { key: "ep_one" })),
    );
    await own.close();
    for (const outcome of await Promise.all(forever)) expect(outcome.kind).toBe("interrupted");
    expect(await own.run(request("function handler() {}"))).toEqual({ kind: "interrupted" });
  });
});

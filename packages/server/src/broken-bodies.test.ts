import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { described, resolveSchema } from "./testing/described.ts";
import { pathIn, type Scene, sceneOf } from "./testing/scene.ts";
import { valuesOf } from "./testing/schema-values.ts";
import { startTestServer, type TestServer } from "./testing/test-server.ts";

/**
 * Bodies of each operation that were right until some of their bytes were changed: an answer that is described, never
 * a fault of our own, and what was refused has changed nothing.
 */
/** All that is there is looked at after each. */
const BODIES_PER_OPERATION = 25;
/** To see a failure again: put the printed seed here. */
const seed = Math.floor(Math.random() * 2 ** 31);
console.log(`broken bodies: seed ${seed}`);

let server: TestServer;
/** Receivers answer when this is called: until then only requests change anything, and the clock stands still. */
let release = (): void => undefined;
const answered = new Promise<{ status: number }>((resolve) => {
  release = () => resolve({ status: 204 });
});
/** These wait for what a receiver answers. */
const CALLERS = new Set(["v1.message.test-attempt"]);
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(async () => {
  // Whatever came, it lives.
  release();
  expect((await server.call("GET", "/api/v1/health")).status).toBe(204);
  const app = await server.application();
  await server.endpoint(app);
  await server.message(app);
  await server.close();
});

/** Things that are there, so that a request gets past the look-ups. */
async function sceneFor(id: string): Promise<Scene> {
  const waits = CALLERS.has(id);
  server.answer = () => (waits ? { status: 204 } : answered);
  const there = await sceneOf(server);
  const attempts = pathIn(there, "/api/v1/app/{app_id}/attempt/msg/{msg_id}");
  if (waits) await server.until(async () => (await server.call("GET", attempts)).json.data.length > 0);
  return there;
}

/** All that the operations which only look say of a scene, by path. */
async function everything(there: Scene): Promise<ReadonlyMap<string, string>> {
  const looks = described.filter(
    ({ method, need }) => method === "GET" && need?.startsWith("read:") === true,
  );
  const seen = looks.map(async ({ path }) => {
    const { status, text } = await server.call("GET", pathIn(there, path));
    expect(status, `${path}: ${text}`).toBeLessThan(500);
    return [path, text] as const;
  });
  return new Map(await Promise.all(seen));
}

/** What is put into a body that was right. */
const PIECES = [
  ...' , : { } [ ] " \\ 0 - null \u0000 // 1e999 -0 NaN "\\ud800" "__proto__":{"a":1}, "constructor":null,'.split(
    " ",
  ),
  "\ufeff",
  "9".repeat(400),
  "[".repeat(100),
  '{"a":'.repeat(100),
].map((text) => Buffer.from(text));

/** Some bytes taken out, something put in. */
interface Change {
  /** Part of the length. */
  readonly at: number;
  readonly out: number;
  readonly put: Buffer | "itself";
}
const change: fc.Arbitrary<Change> = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  out: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 12 }), fc.constant(Number.MAX_SAFE_INTEGER)),
  put: fc.oneof(
    fc.constantFrom(...PIECES),
    fc.uint8Array({ maxLength: 4 }).map((bytes) => Buffer.from(bytes)),
    fc.constant("itself" as const),
  ),
});

function changed(body: Buffer, changes: readonly Change[]): Buffer {
  return changes.reduce((bytes, { at, out, put }) => {
    const from = Math.floor(at * bytes.length);
    // Members twice.
    const piece = put === "itself" ? bytes.subarray(1, -1) : put;
    return Buffer.concat([
      bytes.subarray(0, from),
      piece,
      bytes.subarray(Math.min(from + out, bytes.length)),
    ]);
  }, body);
}

const withBodies = described.flatMap((one) =>
  one.body === null ? [] : [[`${one.method} ${one.path}`, { ...one, body: one.body }] as const],
);

it.each(withBodies)(
  "%s answers as described, and what it refuses has changed nothing",
  async (_name, { id, method, path, body, statuses }) => {
    const there = await sceneFor(id);
    const right = valuesOf(body, resolveSchema).map((value) => Buffer.from(JSON.stringify(value)));
    let before = await everything(there);
    await fc.assert(
      fc.asyncProperty(right, fc.array(change, { minLength: 1, maxLength: 3 }), async (whole, changes) => {
        const bytes = changed(whole, changes);
        const reply = await server.call(method, pathIn(there, path), { body: bytes });
        const told = `${reply.status} ${reply.text} for ${bytes.toString()}`;
        expect(reply.status, told).toBeLessThan(500);
        expect(statuses, told).toContain(String(reply.status));
        const now = await everything(there);
        if (reply.status >= 400) {
          for (const [place, text] of now) expect(text, `${place} after ${told}`).toBe(before.get(place));
        }
        before = now;
      }),
      { seed, numRuns: BODIES_PER_OPERATION, endOnFailure: true },
    );
  },
  120_000,
);

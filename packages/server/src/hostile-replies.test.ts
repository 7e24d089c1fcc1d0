import { RETRY_AFTER_MAX_MS, RETRY_JITTER, RETRY_SCHEDULE_MS } from "@posthaste/core/domain/limits";
import { makeStore, noPostgres } from "@posthaste/core/storage/postgres/testing/test-database";
import type { Store } from "@posthaste/core/storage/port";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadSvixContract } from "./testing/svix-contract.ts";
import { startTestServer, type ReceiverAnswer, type TestServer } from "./testing/test-server.ts";

/**
 * Whatever a receiver answers (egress lets through any status, any header, any bytes) is recorded, shown as the
 * contract has it, and holds up nobody. How replies are read from the wire is looked at in egress.
 */
const REPLIES = 60;
const contract = loadSvixContract();

const headerValue = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.constantFrom(
    "",
    "0",
    "-1",
    "1e9",
    "999999999999999999999",
    "null",
    "{}",
    "\u0000",
    "\ud800",
    "a\u0000b",
  ),
  fc.constantFrom("Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "Thu, 99 Foo 2026"),
  fc.constant("x".repeat(16_384)),
);
const headerName = fc.oneof(
  fc.constantFrom(
    "retry-after",
    "__proto__",
    "constructor",
    "content-type",
    "content-encoding",
    "set-cookie",
    "",
  ),
  fc.string({ unit: "binary", maxLength: 12 }),
);
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 64 }),
  fc.constantFrom(
    "",
    "null",
    "{",
    "\u0000",
    "a\u0000b",
    '{"__proto__":1}',
    "\ufeff",
    "<script>alert(1)</script>",
  ),
  fc.constant(new Uint8Array(16_384).fill(0xff)),
  fc.constant("\u20ac".repeat(5_461)),
);
const reply: fc.Arbitrary<ReceiverAnswer> = fc.record({
  status: fc.oneof(
    fc.integer({ min: 200, max: 599 }),
    fc.integer({ min: 0, max: 999 }),
    fc.constantFrom(410, 429, 503),
  ),
  headers: fc.array(fc.tuple(headerName, headerValue), { maxLength: 4 }),
  body: bytes,
  truncated: fc.boolean(),
});

const onSqlite = (): Promise<TestServer> => startTestServer();
const onPostgres = (): Promise<TestServer> =>
  startTestServer({ open: async (): Promise<Store> => (await makeStore()).store });

describe.each([
  ["SQLite", onSqlite, false],
  ["PostgreSQL", onPostgres, noPostgres],
])("a reply of any kind, on %s", (_name, start, skipped) => {
  let server: TestServer;
  beforeAll(async () => {
    if (!skipped) server = await start();
  });
  afterAll(() => server?.close());

  it.skipIf(skipped)(
    "is recorded and shown, and the next endpoint gets its message all the same",
    async () => {
      const app = await server.application();
      const path = `/api/v1/app/${app}`;
      const shown = async (url: string, form: string): Promise<string> => {
        const { status, text, json } = await server.call("GET", url);
        expect(status, text).toBe(200);
        // A status beyond what the contract counts is the receiver's.
        if (contract) expect(contract.faults("GET", form, { status, body: json })).toBeNull();
        return text;
      };
      await fc.assert(
        fc.asyncProperty(reply, async (answer) => {
          const hostile = await server.endpoint(app, { url: "https://example.com/hostile" });
          const good = await server.endpoint(app, { url: "https://example.com/good" });
          server.answer = ({ url }) => (url.endsWith("/hostile") ? answer : { status: 204 });
          const msg = await server.message(app);
          const attempts = `${path}/attempt/msg/${msg}`;
          const found = await server.until(async () => {
            const { json } = await server.call("GET", attempts);
            return json.data.length === 2 && json.data;
          });
          const byEndpoint = Object.fromEntries(found.map((one) => [one.endpointId, one]));
          expect(byEndpoint[good]).toMatchObject({ status: 0, responseStatusCode: 204 });
          const succeeded = answer.status >= 200 && answer.status < 300;
          expect(byEndpoint[hostile]).toMatchObject({ status: succeeded ? 0 : 2 });

          await shown(attempts, "/api/v1/app/x/attempt/msg/x");
          const one = `${path}/msg/${msg}/attempt/${byEndpoint[hostile]?.id}`;
          await shown(one, "/api/v1/app/x/msg/x/attempt/x");
          expect((await server.call("GET", `${one}/headers`)).status).toBe(200);
          const { json } = await server.call("GET", `${path}/msg/${msg}/endpoint`);
          const next = json.data.find(({ id }) => id === hostile)?.nextAttempt ?? null;
          const waitMs = next === null ? 0 : Date.parse(next) - server.runtime.clock.now();
          expect(waitMs).toBeGreaterThanOrEqual(0);
          expect(waitMs).toBeLessThanOrEqual(
            Math.max(RETRY_AFTER_MAX_MS, ...RETRY_SCHEDULE_MS) * (1 + RETRY_JITTER),
          );
          const disabled = (await server.call("GET", `${path}/endpoint/${hostile}`)).json.disabled;
          expect(disabled).toBe(answer.status === 410);
          for (const id of [hostile, good]) await server.call("DELETE", `${path}/endpoint/${id}`);
        }),
        { numRuns: REPLIES, endOnFailure: true },
      );
    },
  );
});

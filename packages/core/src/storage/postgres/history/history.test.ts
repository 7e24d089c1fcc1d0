import { describe, expect, test } from "vitest";
import { ID_PREFIX } from "../../../domain/ids.ts";
import { ksuidFloor } from "../../../domain/ksuid.ts";
import { LIST_SCAN_ROWS } from "../../../domain/limits.ts";
import { DAY_MS } from "../../../domain/time.ts";
import { fakeRuntime } from "../../../runtime/testing/fake-runtime.ts";
import type { Page, Store } from "../../port.ts";
import { FIRST_PAGE, Scene } from "../../testing/scene.ts";
import { openDatabase } from "../database.ts";
import { dayOf, ensureDays } from "../partitions.ts";
import { allStatements } from "../statement.ts";
import { runSql } from "../testing/run-sql.ts";
import { makeDatabase, noPostgres, openStore } from "../testing/test-database.ts";

const DAYS = 30;
const PER_DAY = 300;
const LAST_DAY = dayOf(1_790_000_000_000);
const TAIL = { appId: "app_a", endpointId: "ep_a" };

/** A month in which an application made messages and attempts every day, and another on one early day only. */
async function fillMonth(url: string): Promise<void> {
  const database = openDatabase({ url, onProblem: () => undefined });
  const days = Array.from({ length: DAYS }, (_, index) => LAST_DAY - index * DAY_MS);
  await ensureDays(database.dispatch, days);
  await database.close();
  const rows: string[][] = [[], [], [], [], []];
  const add = (appId: string, day: number): void => {
    for (let count = 0; count < PER_DAY; count++) {
      const at = day + (count * DAY_MS) / PER_DAY;
      const made = [appId, ksuidFloor(ID_PREFIX.message, at), ksuidFloor(ID_PREFIX.attempt, at + 500)];
      [...made, String(at), count % 100 === 7 ? "1" : "0"].forEach((value, column) =>
        rows[column]!.push(value),
      );
    }
  };
  for (const day of days) add("app_a", day);
  add("app_early", days.at(-1)!);
  await runSql(
    url,
    `WITH rows AS MATERIALIZED (SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::int[])
       AS made (app, msg, atmpt, at, status)),
     messages AS (
       INSERT INTO message SELECT app, msg, 'a.b', NULL, NULL, ARRAY['t' || at % 7], NULL, at, '{}' FROM rows)
     INSERT INTO attempt SELECT app, replace(app, 'app_', 'ep_'), msg, atmpt, 'https://x', at, status, FALSE, 200,
       NULL, 1, 1, NULL, '{}', 'ok', NULL FROM rows`,
    rows,
  );
  await runSql(url, "ANALYZE message; ANALYZE attempt");
}

/**
 * Which partitions of the month a list's statement reads, with a plan for any parameters or for these. Today's and
 * tomorrow's, which every store has, are empty.
 */
async function touched(
  url: string,
  {
    name,
    values,
    mode,
  }: { name: string; values: readonly (string | number | boolean | null)[]; mode: string },
): Promise<string[]> {
  const found = allStatements().find((statement) => statement.name === name);
  const literals = values.map((value) => (typeof value === "string" ? `'${value}'` : String(value)));
  const lines = await runSql<{ "QUERY PLAN": string }>(
    url,
    `SET plan_cache_mode = ${mode}; SET enable_seqscan = off; PREPARE list AS ${found!.text};
     EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) EXECUTE list (${literals.join(", ")})`,
  );
  const scans = lines
    .map((line) => line["QUERY PLAN"])
    .filter((line) => / on (message|attempt)_\d{8}/.test(line));
  expect(scans.every((line) => line.includes("Index"))).toBe(true);
  return scans
    .filter((line) => !line.includes("never executed"))
    .map((line) => / on (\w+_\d{8})/.exec(line)![1]!)
    .filter((partition) => partition.slice(-8) <= dayName("", 0).slice(-8));
}

const dayName = (table: string, back: number): string =>
  `${table}_${new Date(LAST_DAY - back * DAY_MS).toISOString().slice(0, 10).replaceAll("-", "")}`;

describe.skipIf(noPostgres)("lists over many days", () => {
  test("a page is read from the days that it lies in, whichever plan the statement has", async () => {
    const url = await makeDatabase();
    await fillMonth(url);
    const { appId, endpointId } = TAIL;
    const any = [null, null, null];
    const middle = ksuidFloor("msg_", LAST_DAY - 9 * DAY_MS + 3_600_000);
    const old = ksuidFloor("msg_", LAST_DAY - 20 * DAY_MS);
    const oldAttempt = ksuidFloor("atmpt_", LAST_DAY - 21 * DAY_MS);
    for (const mode of ["force_generic_plan", "force_custom_plan"]) {
      const at = (name: string, values: readonly (string | number | boolean | null)[]) =>
        touched(url, { name, values, mode });
      expect(await at("message.list_descending", [appId, "", "~", 50, 50, ...any, false])).toEqual([
        dayName("message", 0),
      ]);
      expect(await at("message.list_ascending", [appId, "", "~", 50, 50, ...any, false])).toEqual([
        dayName("message", DAYS - 1),
      ]);
      // Bounded in the middle: the page begins in one day and ends in the day before.
      expect(await at("message.list_descending", [appId, "", middle, 50, 50, ...any, false])).toEqual([
        dayName("message", 9),
        dayName("message", 10),
      ]);
      const attempts = [appId, endpointId, "", "~", 50, 50, true, null, null, null];
      expect(await at("attempt.list_of_endpoint_descending", attempts)).toEqual([dayName("attempt", 0)]);
      // Three of a day did not succeed: seven days for a page of twenty.
      const failed = [appId, endpointId, "", "~", LIST_SCAN_ROWS, 20, true, 1, null, null];
      expect(await at("attempt.list_of_unsuccessful_descending", failed)).toHaveLength(7);
      // The attempts of a message begin with it.
      const ofMessage = [appId, old, oldAttempt, "~", 50, 50, true, null, null, null];
      expect(await at("attempt.list_of_message_ascending", ofMessage)).toHaveLength(22);
      expect(await at("message.find", [appId, old])).toEqual([dayName("message", 20)]);
      expect(await at("attempt.find", [appId, old, oldAttempt])).toEqual([dayName("attempt", 21)]);
    }
  });

  test("a filter that matches nothing reads no more rows than a step has, and the message of each", async () => {
    const url = await makeDatabase();
    await fillMonth(url);
    const steps = Math.ceil(LIST_SCAN_ROWS / PER_DAY);
    const values = [TAIL.appId, TAIL.endpointId, "", "~", LIST_SCAN_ROWS, 50, true, null, null, null];
    const read = await touched(url, {
      name: "attempt.list_of_endpoint_descending_by_message",
      values: [...values, null, "none", null],
      mode: "force_generic_plan",
    });
    expect(read.filter((name) => name.startsWith("attempt"))).toHaveLength(steps);
    expect(read.filter((name) => name.startsWith("message"))).toHaveLength(steps);
  });

  test("pages run through all days without gaps or repeats, filtered or not", async () => {
    const url = await makeDatabase();
    await fillMonth(url);
    const store = await openStore(url);
    const lists: ((page: Page) => Promise<string[]>)[] = [
      async (page) =>
        (await store.history.listMessages({ ...TAIL, page, withPayload: false })).map(({ id }) => id),
      async (page) =>
        (await store.history.listMessages({ ...TAIL, page, tag: "t3", withPayload: false })).map(
          ({ id }) => id,
        ),
      async (page) => attemptIds(await listOf(store, { page })),
      async (page) => attemptIds(await listOf(store, { page, tag: "t3" })),
      async (page) => attemptIds(await listOf(store, { page, status: "fail" })),
    ];
    const counts = [];
    for (const list of lists) {
      const ascending = await readAll(list, "ascending");
      expect(new Set(ascending).size).toBe(ascending.length);
      expect(ascending).toEqual(ascending.toSorted());
      expect(await readAll(list, "descending")).toEqual(ascending.toReversed());
      counts.push(ascending.length);
    }
    const all = DAYS * PER_DAY;
    expect(counts[0]).toBe(all);
    expect(counts[2]).toBe(all);
    expect(counts[1]).toBe(counts[3]);
    expect(counts[4]).toBe(DAYS * 3);
    await store.close();
  });

  test("a resent message's attempt is found however long ago the message was accepted", async () => {
    const url = await makeDatabase();
    const store = await openStore(url);
    const scene = await Scene.make(store, fakeRuntime());
    const [message, first] = await scene.deliver();
    await scene.runtime.advance(20 * DAY_MS);
    await store.deliveries.resend({ ...scene.delivery(message), now: scene.now });
    const [claimed] = await scene.claimDue();
    const again = scene.settled(claimed!.delivery);
    await scene.settle(again);
    const query = { appId: scene.app.id, messageId: message.id, page: FIRST_PAGE };
    const found = await store.history.listAttempts({ ...query, withBody: true, withMessage: true });
    expect(found).toEqual([
      { attempt: first, message },
      { attempt: again.attempt, message },
    ]);
    await store.close();
  });
});

const attemptIds = (found: Awaited<ReturnType<typeof listOf>>) => found.map(({ attempt }) => attempt.id);

function listOf(store: Store, query: { page: Page; tag?: string; status?: "fail" }) {
  return store.history.listAttempts({ ...TAIL, ...query, withBody: false, withMessage: false });
}

async function readAll(list: (page: Page) => Promise<string[]>, order: Page["order"]): Promise<string[]> {
  const all: string[] = [];
  for (let after: string | null = null; ;) {
    const page = await list({ limit: 250, after, order });
    if (page.length === 0) return all;
    all.push(...page);
    after = page.at(-1)!;
  }
}

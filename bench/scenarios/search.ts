import { ID_PREFIX } from "../../packages/core/src/domain/ids.ts";
import { ksuidFloor } from "../../packages/core/src/domain/ksuid.ts";
import { LIST_DEFAULT } from "../../packages/core/src/domain/limits.ts";
import { DAY_MS } from "../../packages/core/src/domain/time.ts";
import { fakeRuntime } from "../../packages/core/src/runtime/testing/fake-runtime.ts";
import type { Page, Store } from "../../packages/core/src/storage/port.ts";
import type { MessageSearch } from "../../packages/core/src/storage/port-search.ts";
import { openPostgresStore } from "../../packages/core/src/storage/postgres/open.ts";
import { startPostgres } from "../../packages/core/src/storage/postgres/testing/postgres-server.ts";
import { runSql } from "../../packages/core/src/storage/postgres/testing/run-sql.ts";
import { openSqliteStore } from "../../packages/core/src/storage/sqlite/open.ts";
import { Scene } from "../../packages/core/src/storage/testing/scene.ts";
import { makeFolder, removeFolder } from "../children.ts";
import { nowMicros } from "../clock.ts";
import { PAYLOAD } from "../event.ts";
import { Histogram } from "../histogram.ts";
import { APPLICATIONS, type Options } from "../options.ts";
import { POSTGRES_FLAGS } from "../subjects/posthaste-postgres.ts";
import { fillHistory, type Filling } from "./postgres-fill.ts";
import { fillSqlite } from "./sqlite-fill.ts";

const DAYS = 30;
const RUNS = 200;
const WARM_UP = 10;

/** One kind of question, asked at random places of the history. */
interface AskedResult {
  readonly what: string;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly maxMs: number;
}

interface StoreResult {
  readonly asked: readonly AskedResult[];
  /** The slowest kind's. */
  readonly worstP95Ms: number;
  /** One application looked through to its end for a word that none of its payloads has. */
  readonly whole: { readonly messages: number; readonly looks: number; readonly ms: number };
}

export interface SearchResult {
  readonly stored: number;
  readonly sqlite: StoreResult;
  readonly postgres: StoreResult;
}

type Progress = (line: string) => void;

interface Bed {
  readonly store: Store;
  readonly appIds: readonly string[];
  readonly endpointIds: readonly string[];
}

/** How long lists and searches take when much is stored: each call to the store, one after the other. */
export async function measureSearch(options: Options, progress: Progress): Promise<SearchResult> {
  const stored = options.searchedMessages;
  const sqlite = await onSqlite(options, { stored, progress });
  const postgres = await onPostgres(options, { stored, progress });
  return { stored, sqlite, postgres };
}

async function onSqlite(
  options: Options,
  { stored, progress }: { stored: number; progress: Progress },
): Promise<StoreResult> {
  const folder = makeFolder(options.dataDir, "search");
  try {
    const empty = await openSqliteStore({ directory: folder });
    const filling = await makeFilling(empty, stored);
    await empty.close();
    timed("SQLite filled", progress, () => fillSqlite(folder, DAYS, filling));
    const store = await openSqliteStore({ directory: folder });
    try {
      return await ask({ ...filling, store }, { name: "SQLite", stored, progress });
    } finally {
      await store.close();
    }
  } finally {
    removeFolder(folder);
  }
}

async function onPostgres(
  options: Options,
  { stored, progress }: { stored: number; progress: Progress },
): Promise<StoreResult> {
  const postgres = await startPostgres(POSTGRES_FLAGS, options.dataDir);
  try {
    const url = `${postgres.url}/postgres?host=${encodeURIComponent(postgres.socketDirectory)}`;
    const store = await openPostgresStore({ url, onProblem: (error) => progress(error.message) });
    try {
      const filling = await makeFilling(store, stored);
      const since = nowMicros();
      await fillHistory(url, DAYS, filling);
      await runSql(url, "VACUUM ANALYZE");
      progress(`PostgreSQL filled in ${((nowMicros() - since) / 1e6).toFixed(0)} s`);
      return await ask({ ...filling, store }, { name: "PostgreSQL", stored, progress });
    } finally {
      await store.close();
    }
  } finally {
    await postgres.stop();
  }
}

function timed(what: string, progress: Progress, work: () => void): void {
  const since = nowMicros();
  work();
  progress(`${what} in ${((nowMicros() - since) / 1e6).toFixed(0)} s`);
}

async function makeFilling(store: Store, count: number): Promise<Filling> {
  const scene = await Scene.make(store, fakeRuntime({ startMs: Date.now() }));
  const appIds: string[] = [];
  const endpointIds: string[] = [];
  for (let made = 0; made < APPLICATIONS; made += 1) {
    const { id: appId } = await scene.addApplication();
    appIds.push(appId);
    endpointIds.push((await scene.addEndpoint({ appId })).id);
  }
  const detail = JSON.stringify(scene.newAttempt(scene.delivery(scene.accepted({}).message)).detail);
  return { appIds, endpointIds, count, payload: PAYLOAD, detail };
}

type Question = (bed: Bed, place: Place) => Promise<unknown>;

/** Where in the history a question is asked. */
interface Place {
  readonly lane: number;
  readonly at: number;
}

const messages =
  (asked: Partial<MessageSearch>, from: "newest" | "anywhere" = "anywhere"): Question =>
  ({ store, appIds }, { lane, at }) =>
    store.search.findMessages({
      appId: appIds[lane] ?? "",
      page: pageFrom(from === "newest" ? null : ksuidFloor(ID_PREFIX.message, at)),
      words: [],
      withPayload: true,
      ...asked,
    });

const attempts =
  (asked: { status?: "success" | "fail"; tag?: string }): Question =>
  ({ store, appIds, endpointIds }, { lane, at }) =>
    store.search.findAttempts({
      appId: appIds[lane] ?? "",
      endpointId: endpointIds[lane] ?? "",
      page: pageFrom(ksuidFloor(ID_PREFIX.attempt, at)),
      withBody: true,
      withMessage: true,
      ...asked,
    });

/** The filters that match nothing are the dearest: a call looks through as many messages as it may. */
const QUESTIONS: readonly (readonly [what: string, ask: Question])[] = [
  ["newest messages", messages({}, "newest")],
  ["messages further back", messages({})],
  ["messages of a type that all have", messages({ eventTypes: ["order.completed"] })],
  ["messages with a tag that none has", messages({ tag: "none" })],
  ["a word that all payloads have", messages({ words: ["watercolour"] })],
  ["a word that no payload has", messages({ words: ["ord_7qx2"] })],
  ["a word that no payload has, newest", messages({ words: ["ord_7qx2"] }, "newest")],
  ["attempts of an endpoint", attempts({})],
  ["failed attempts of an endpoint", attempts({ status: "fail" })],
  ["attempts of messages with a tag that none has", attempts({ tag: "none" })],
];

async function ask(
  bed: Bed,
  { name, stored, progress }: { name: string; stored: number; progress: Progress },
): Promise<StoreResult> {
  const asked: AskedResult[] = [];
  for (const [what, question] of QUESTIONS) {
    const took = new Histogram();
    for (let run = -WARM_UP; run < RUNS; run += 1) {
      const place = {
        lane: Math.floor(Math.random() * bed.appIds.length),
        at: Date.now() - Math.random() * DAYS * DAY_MS,
      };
      const since = nowMicros();
      await question(bed, place);
      if (run >= 0) took.record(nowMicros() - since);
    }
    const { p50, max } = took.quantiles();
    const p95 = took.quantile(0.95) / 1_000;
    asked.push({ what, p50Ms: p50, p95Ms: p95, maxMs: max });
    progress(`${name}, ${what}: p50 ${p50.toFixed(1)} ms, p95 ${p95.toFixed(1)} ms`);
  }
  const whole = await lookThrough(bed, Math.floor(stored / bed.appIds.length));
  progress(`${name}, one application to its end: ${whole.looks} looks, ${(whole.ms / 1000).toFixed(1)} s`);
  return { asked, worstP95Ms: Math.max(...asked.map(({ p95Ms }) => p95Ms)), whole };
}

async function lookThrough({ store, appIds }: Bed, messageCount: number): Promise<StoreResult["whole"]> {
  const since = nowMicros();
  let after: string | null = null;
  let looks = 0;
  do {
    const found = await store.search.findMessages({
      appId: appIds[0] ?? "",
      page: pageFrom(after),
      words: ["ord_7qx2"],
      withPayload: false,
    });
    ({ after } = found);
    looks += 1;
  } while (after !== null);
  return { messages: messageCount, looks, ms: (nowMicros() - since) / 1_000 };
}

function pageFrom(after: string | null): Page {
  return { limit: LIST_DEFAULT, after, order: "descending" };
}

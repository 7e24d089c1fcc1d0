import type { DatabaseSync } from "node:sqlite";
import type { IdRange } from "../../id-range.ts";
import type { Page } from "../../port.ts";
import { query, type Query, type Row, type SqlValue } from "../values.ts";

/** Where a step of a list begins. */
export interface Stepped {
  /** Whether rows that are not in the list yet may lie ahead; a step says so to the next. */
  readonly unlisted: boolean;
}

/** One step of a list. */
export interface Step<Columns> {
  readonly rows: Columns[];
  /** Where the next step goes on; null when there is nothing more to look at. */
  readonly after: string | null;
  readonly unlisted: boolean;
}

/** A row's id and its place in the table. */
export type Entry = readonly [id: string, seq: number];

/** Where the entries of a list come from. */
export interface EntrySource {
  /** The first of the range, in the page's order. */
  listed(range: IdRange, limit: number): Entry[];
  /** Those of the range that are not in the list yet, in any order; some may be in it all the same. */
  unlisted(range: IdRange): Entry[];
}

/**
 * Runs one step: `read` gives the row of an entry, or null when the filter leaves it out. A filter may match next to
 * nothing in a long history, so such a list is read in steps: between two of them the reader answers others, and no
 * read holds back the write-ahead log for long.
 */
export function runStep<Columns>(options: {
  page: Page;
  range: IdRange;
  /** Entries that the step looks at. */
  size: number;
  mayBeUnlisted: boolean;
  source: EntrySource;
  read: (entry: Entry) => Columns | null;
  /** Whether it has read so much that it ends here. */
  isSpent?: () => boolean;
}): Step<Columns> {
  const { page, range, size, source, read, isSpent } = options;
  // First those that are not listed: one that is put into the list meanwhile is then seen twice, not missed.
  const unlisted = options.mayBeUnlisted ? source.unlisted(range) : [];
  const listed = source.listed(range, size);
  const entries = merge(listed, unlisted, page.order);
  const rows: Columns[] = [];
  let looked = 0;
  let last: string | null = null;
  for (const entry of entries) {
    if (looked === size || rows.length === page.limit || isSpent?.() === true) break;
    looked += 1;
    last = entry[0];
    const row = read(entry);
    if (row !== null) rows.push(row);
  }
  const ahead = listed.length === size || looked < entries.length;
  return {
    rows,
    after: ahead ? last : null,
    unlisted: last !== null && unlisted.some(([id]) => isBeyond(id, last ?? "", page.order)),
  };
}

function merge(listed: Entry[], unlisted: Entry[], order: Page["order"]): Entry[] {
  if (unlisted.length === 0) return listed;
  const known = new Set(listed.map(([id]) => id));
  const entries = [...listed, ...unlisted.filter(([id]) => !known.has(id))];
  return entries.toSorted(([a], [b]) => (isBeyond(a, b, order) ? 1 : -1));
}

function isBeyond(id: string, other: string, order: Page["order"]): boolean {
  return order === "ascending" ? id > other : id < other;
}

/** A statement per shape of a query: there are a few dozen shapes, each is prepared when first needed. */
export class StatementCache<Columns extends Row> {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, Query<Columns>>();

  constructor(db: DatabaseSync) {
    this.#db = db;
  }

  get(sql: string): Query<Columns> {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = query<Columns>(this.#db, sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

/** More conditions of a WHERE, each with its AND, and their parameters. */
export interface Filter {
  readonly sql: string;
  readonly params: readonly SqlValue[];
}

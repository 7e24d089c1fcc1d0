import type { DatabaseSync } from "node:sqlite";
import { ksuidFloor } from "../../../domain/ksuid.ts";
import type { Page } from "../../port.ts";
import { query, type Query, type Row } from "../values.ts";

/**
 * Rows that one step of a filtered list looks at. A filter may match next to nothing in a long history, so
 * such a list is read in steps: between two of them the reader answers others, and no read holds back the
 * write-ahead log for long.
 */
const SCAN_ROWS = 2_000;
/** Sorts after every id. */
const AFTER_ALL = "~";

/** One step of a list. */
export interface Step<Columns> {
  readonly rows: Columns[];
  /** Where the next step goes on; null when there is nothing more to look at. */
  readonly after: string | null;
}

/** From (inclusive) and until (exclusive): the part of the ids that is left to look at. */
export interface IdRange {
  from: string;
  until: string;
}

/** Times become ids: ids carry their time, so the primary key serves both. */
export function idRange(
  { page, before, after }: { page: Page; before?: number | undefined; after?: number | undefined },
  prefix: string,
): IdRange {
  let from = after === undefined ? "" : ksuidFloor(prefix, after);
  let until = before === undefined ? AFTER_ALL : ksuidFloor(prefix, before);
  if (page.after !== null && page.order === "ascending") {
    // The smallest text beyond that id.
    const beyond = `${page.after}\u0001`;
    if (beyond > from) from = beyond;
  } else if (page.after !== null && page.after < until) {
    until = page.after;
  }
  return { from, until };
}

/** A statement per shape of a query: there are a few dozen shapes, each is prepared when first needed. */
class StatementCache<Columns extends Row> {
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

/** The statements of one kind of list: those that find where a step ends, those that read its rows. */
export interface ListStatements<Columns extends Row> {
  readonly ends: StatementCache<[id: string]>;
  readonly rows: StatementCache<Columns>;
}

export function listStatements<Columns extends Row>(db: DatabaseSync): ListStatements<Columns> {
  return { ends: new StatementCache(db), rows: new StatementCache(db) };
}

/**
 * Runs one step. `read` selects from a range; `findEnd` gives the id at the end of so many rows of it, or
 * null when it has fewer.
 */
export function runStep<Columns>(options: {
  page: Page;
  range: IdRange;
  filtered: boolean;
  findEnd: (range: IdRange, offset: number) => string | null;
  read: (range: IdRange) => Columns[];
}): Step<Columns> {
  const { page, range, filtered, findEnd, read } = options;
  if (!filtered) return { rows: read(range), after: null };
  const end = findEnd(range, SCAN_ROWS - 1);
  if (end === null) return { rows: read(range), after: null };
  const part = page.order === "ascending" ? { ...range, until: `${end}\u0001` } : { ...range, from: end };
  return { rows: read(part), after: end };
}

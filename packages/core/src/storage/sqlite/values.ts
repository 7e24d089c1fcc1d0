import type { DatabaseSync } from "node:sqlite";

/** What a column holds, and what a worker sends. */
export type SqlValue = string | number | null | Uint8Array;
export type Row = readonly SqlValue[];

/** A prepared SELECT whose rows are arrays in column order: cheaper to make and to send than objects. */
export interface Query<Columns extends Row> {
  all(...params: SqlValue[]): Columns[];
  get(...params: SqlValue[]): Columns | undefined;
  /** A row at a time, for results that are too large to hold. */
  iterate(...params: SqlValue[]): IterableIterator<Columns>;
}

/** `Columns` is a claim about the SELECT's list, kept true by the schema (STRICT) and the conformance suite. */
export function query<Columns extends Row>(db: DatabaseSync, sql: string): Query<Columns> {
  const statement = db.prepare(sql);
  statement.setReturnArrays(true);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the driver types rows as objects
  return statement as unknown as Query<Columns>;
}

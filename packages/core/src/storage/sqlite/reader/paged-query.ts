import type { DatabaseSync } from "node:sqlite";
import type { Page } from "../../port.ts";
import { query, type Query, type Row } from "../values.ts";

/** The four statements of a list: either order, from the start or beyond a row. */
export function pagedQuery<Columns extends Row>(
  db: DatabaseSync,
  { select, column }: { select: string; column: "id" | "name" },
): (page: Page, ownerId: string) => Columns[] {
  const prepare = (beyond: string, direction: string): Query<Columns> =>
    query<Columns>(db, `${select} ${beyond} ORDER BY ${column} ${direction} LIMIT ?`);
  const statements = {
    ascending: { first: prepare("", "ASC"), next: prepare(`AND ${column} > ?`, "ASC") },
    descending: { first: prepare("", "DESC"), next: prepare(`AND ${column} < ?`, "DESC") },
  };
  return ({ order, after, limit }, ownerId) => {
    const { first, next } = statements[order];
    return after === null ? first.all(ownerId, limit) : next.all(ownerId, after, limit);
  };
}

import type { Page } from "../../port.ts";
import type { ConnectionPool, SqlValue } from "../database.ts";
import { statement } from "../statement.ts";

/** Sorts before and after every id and name. */
const BEFORE_ALL = "";
const AFTER_ALL = "~";

/**
 * A list in either order, by its key. `select` ends in its WHERE, whose parameters come first; the place and the
 * limit are the two after them.
 */
export function pagedList<Row extends readonly unknown[]>(
  name: string,
  { select, key, parameters }: { select: string; key: "id" | "name"; parameters: number },
): (pool: ConnectionPool, page: Page, values: readonly SqlValue[]) => Promise<Row[]> {
  const make = (order: Page["order"]) => {
    const [beyond, direction] = order === "ascending" ? [">", "ASC"] : ["<", "DESC"];
    return statement<Row>(
      `${name}_${order}`,
      `${select} AND ${key} ${beyond} $${parameters + 1} ORDER BY ${key} ${direction} LIMIT $${parameters + 2}`,
    );
  };
  const statements = { ascending: make("ascending"), descending: make("descending") };
  return async (pool, { order, after, limit }, values) => {
    const from = after ?? (order === "ascending" ? BEFORE_ALL : AFTER_ALL);
    return (await pool.query(statements[order], [...values, from, limit])).rows;
  };
}

import { LIST_DEFAULT } from "@posthaste/core/domain/limits";
import type { Page } from "@posthaste/core/storage/port";
import type { Answer } from "./answer.ts";

/** Which part of a list is asked for. */
export interface PageQuery {
  readonly limit?: number;
  /** The id (or name) to go on after; with `-` before it, to go back from. */
  readonly iterator?: string | null;
  readonly order?: "ascending" | "descending" | null;
}

/**
 * Reads one page and answers `{data, iterator, prevIterator, done}` as Svix does: `iterator` is the last item
 * and leads on, `prevIterator` is `-` and the first item and leads back, `done` says that nothing lies beyond
 * in the direction read.
 */
export async function listAnswer<Item>(options: {
  query: PageQuery;
  defaultOrder: Page["order"];
  /** Reads at most `page.limit` items strictly beyond `page.after`. */
  read: (page: Page) => Promise<readonly Item[]>;
  idOf: (item: Item) => string;
  /** One item as JSON text. */
  toText: (item: Item) => string;
}): Promise<Answer> {
  const { query, idOf } = options;
  const limit = query.limit ?? LIST_DEFAULT;
  const order = query.order ?? options.defaultOrder;
  const backwards = query.iterator?.startsWith("-") ?? false;
  const after = backwards ? query.iterator?.slice(1) : query.iterator;
  // One more than asked for tells whether there is more.
  const read = await options.read({
    limit: limit + 1,
    after: after ?? null,
    order: backwards ? opposite(order) : order,
  });
  const items = read.slice(0, limit);
  if (backwards) items.reverse();
  const [first] = items;
  const last = items.at(-1);
  const iterator = last === undefined ? null : idOf(last);
  const prevIterator = first === undefined ? null : `-${idOf(first)}`;
  const tail = JSON.stringify({ iterator, prevIterator, done: read.length <= limit });
  return { status: 200, text: `{"data":[${items.map(options.toText).join(",")}],${tail.slice(1)}` };
}

function opposite(order: Page["order"]): Page["order"] {
  return order === "ascending" ? "descending" : "ascending";
}

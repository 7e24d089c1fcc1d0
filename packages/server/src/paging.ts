import { LIST_DEFAULT } from "@posthaste/core/domain/limits";
import type { Page } from "@posthaste/core/storage/port";
import type { Answer } from "./answer.ts";
import { LIST_BODY_MAX_CHARS } from "./http-limits.ts";

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
 * in the direction read. A page of big payloads holds fewer items than asked for.
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
  const items = withinBytes(read.slice(0, limit), options.toText);
  const done = items.length === read.length;
  if (backwards) items.reverse();
  const [first] = items;
  const last = items.at(-1);
  const iterator = last === undefined ? null : idOf(last.item);
  const prevIterator = first === undefined ? null : `-${idOf(first.item)}`;
  const tail = JSON.stringify({ iterator, prevIterator, done });
  return { status: 200, text: `{"data":[${items.map(({ text }) => text).join(",")}],${tail.slice(1)}` };
}

/** The first items with their texts, as many as fit into one answer; at least one. */
function withinBytes<Item>(
  items: readonly Item[],
  toText: (item: Item) => string,
): { readonly item: Item; readonly text: string }[] {
  const texts: { item: Item; text: string }[] = [];
  let length = 0;
  for (const item of items) {
    const text = toText(item);
    length += text.length;
    if (length > LIST_BODY_MAX_CHARS && texts.length > 0) break;
    texts.push({ item, text });
  }
  return texts;
}

function opposite(order: Page["order"]): Page["order"] {
  return order === "ascending" ? "descending" : "ascending";
}

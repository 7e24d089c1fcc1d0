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

interface ListOptions<Item> {
  readonly query: PageQuery;
  readonly defaultOrder: Page["order"];
  readonly idOf: (item: Item) => string;
  /** One item as JSON text. */
  readonly toText: (item: Item) => string;
}

/** What one look at a list found. */
interface Look<Item> {
  readonly items: readonly Item[];
  /** Where it stopped before the page was full, although more may lie beyond; null otherwise. */
  readonly after: string | null;
}

/**
 * Reads one page and answers `{data, iterator, prevIterator, done}` as Svix does: `iterator` is the last item
 * and leads on, `prevIterator` is `-` and the first item and leads back, `done` says that nothing lies beyond
 * in the direction read. A page of big payloads holds fewer items than asked for.
 */
export function listAnswer<Item>(
  options: ListOptions<Item> & {
    /** Reads at most `page.limit` items strictly beyond `page.after`. */
    readonly read: (page: Page) => Promise<readonly Item[]>;
  },
): Promise<Answer> {
  return lookAnswer({ ...options, look: async (page) => ({ items: await options.read(page), after: null }) });
}

/** The same for a list that one call looks through a part of: the iterator then leads on from where it stopped. */
export async function lookAnswer<Item>(
  options: ListOptions<Item> & { readonly look: (page: Page) => Promise<Look<Item>> },
): Promise<Answer> {
  const { query, idOf } = options;
  const limit = query.limit ?? LIST_DEFAULT;
  const order = query.order ?? options.defaultOrder;
  const backwards = query.iterator?.startsWith("-") ?? false;
  const after = backwards ? query.iterator?.slice(1) : query.iterator;
  // One more than asked for tells whether there is more.
  const { items: read, after: stopped } = await options.look({
    limit: limit + 1,
    after: after ?? null,
    order: backwards ? opposite(order) : order,
  });
  const items = withinBytes(read.slice(0, limit), options.toText);
  const isWhole = items.length === read.length;
  const done = isWhole && stopped === null;
  const goesOn = isWhole ? stopped : null;
  if (backwards) items.reverse();
  const [first] = items;
  const last = items.at(-1);
  let iterator = last === undefined ? null : idOf(last.item);
  let prevIterator = first === undefined ? null : `-${idOf(first.item)}`;
  if (goesOn !== null && backwards) prevIterator = `-${goesOn}`;
  else if (goesOn !== null) iterator = goesOn;
  const tail = JSON.stringify({ iterator, prevIterator, done });
  return { status: 200, text: `{"data":[${items.map(({ text }) => text).join(",")}],${tail.slice(1)}` };
}

/** The first items with their texts, as many as fit into one answer; at least one. */
export function withinBytes<Item>(
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

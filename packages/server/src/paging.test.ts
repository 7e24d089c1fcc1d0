import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Page } from "@posthaste/core/storage/port";
import { LIST_BODY_MAX_CHARS } from "./http-limits.ts";
import { listAnswer, lookAnswer, type PageQuery } from "./paging.ts";

interface ListBody {
  readonly data: readonly string[];
  readonly iterator: string | null;
  readonly prevIterator: string | null;
  readonly done: boolean;
}

/** Reads from a sorted array as a store would. */
async function list(
  ids: readonly string[],
  query: PageQuery,
  defaultOrder: Page["order"],
): Promise<ListBody> {
  const { text } = await listAnswer({
    query,
    defaultOrder,
    read: async ({ limit, after, order }) => {
      const sorted = order === "ascending" ? ids.toSorted() : ids.toSorted().toReversed();
      const beyond = sorted.filter(
        (id) => after === null || (order === "ascending" ? id > after : id < after),
      );
      return beyond.slice(0, limit);
    },
    idOf: (id) => id,
    toText: (id) => JSON.stringify(id),
  });
  return JSON.parse(text) as ListBody;
}

const setup = fc.record({
  ids: fc.uniqueArray(fc.stringMatching(/^[a-z]{3}$/), { maxLength: 30 }),
  limit: fc.integer({ min: 1, max: 8 }),
  order: fc.constantFrom("ascending" as const, "descending" as const),
});

const isWanted = (id: string): boolean => id < "h";

describe("a list", () => {
  it("walked to its end shows everything once, in order, and walked back the same pages", async () => {
    await fc.assert(
      fc.asyncProperty(setup, async ({ ids, limit, order }) => {
        const expected = order === "ascending" ? ids.toSorted() : ids.toSorted().toReversed();
        const pages: ListBody[] = [];
        let iterator: string | null = null;
        do {
          const page: ListBody = await list(ids, { limit, iterator }, order);
          pages.push(page);
          iterator = page.iterator;
          if (page.done) break;
        } while (iterator !== null);
        expect(pages.flatMap(({ data }) => data)).toEqual(expected);
        for (let at = pages.length - 1; at > 0; at--) {
          const back = await list(ids, { limit, iterator: pages[at]?.prevIterator ?? null }, order);
          expect(back.data).toEqual(pages[at - 1]?.data);
          expect(back.done).toBe(at === 1);
        }
      }),
    );
  });

  it("that is looked through in parts shows everything once, both ways, whatever a look finds", async () => {
    const looked = fc.record({
      all: fc.uniqueArray(fc.stringMatching(/^[a-z]{3}$/), { maxLength: 40 }),
      limit: fc.integer({ min: 1, max: 4 }),
      size: fc.integer({ min: 1, max: 6 }),
      backwards: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(looked, async ({ all, limit, size, backwards }) => {
        const seen: string[] = [];
        // "-" and something behind everything: from the end backwards.
        let iterator: string | null = backwards ? "-~" : null;
        for (let done = false; !done;) {
          const { text } = await lookAnswer({
            query: { limit, iterator },
            defaultOrder: "ascending",
            look: async ({ limit: most, after, order }) => {
              const sorted = order === "ascending" ? all.toSorted() : all.toSorted().toReversed();
              const beyond = sorted.filter(
                (id) => after === null || (order === "ascending" ? id > after : id < after),
              );
              const part = beyond.slice(0, size);
              const items = part.filter(isWanted).slice(0, most);
              const isFull = items.length === most;
              return { items, after: isFull || part.length === beyond.length ? null : part.at(-1)! };
            },
            idOf: (id) => id,
            toText: (id) => JSON.stringify(id),
          });
          const page = JSON.parse(text) as ListBody;
          seen.push(...(backwards ? page.data.toReversed() : page.data));
          ({ done } = page);
          iterator = backwards ? page.prevIterator : page.iterator;
        }
        const expected = all.filter(isWanted).toSorted();
        expect(seen).toEqual(backwards ? expected.toReversed() : expected);
      }),
    );
  });

  it("that is empty has no iterators and is done", async () => {
    expect(await list([], {}, "ascending")).toEqual({
      data: [],
      iterator: null,
      prevIterator: null,
      done: true,
    });
  });

  it("of big items shows fewer than asked for, at least one, and goes on behind them both ways", async () => {
    const big = "x".repeat(LIST_BODY_MAX_CHARS / 2);
    const read = async (query: PageQuery): Promise<{ ids: string[]; done: boolean; prev: string | null }> => {
      const { text } = await listAnswer({
        query,
        defaultOrder: "ascending",
        read: async ({ after, order }) =>
          ["a", "b", "c"]
            .filter((id) => after === null || (order === "ascending" ? id > after : id < after))
            .toSorted((x, y) => (x < y ? -1 : 1) * (order === "ascending" ? 1 : -1)),
        idOf: (id) => id,
        toText: (id) => JSON.stringify({ id, big: id === "c" ? big + big : big.slice(2) }),
      });
      const { data, done, prevIterator } = JSON.parse(text) as Omit<ListBody, "data"> & {
        data: { id: string }[];
      };
      return { ids: data.map(({ id }) => id), done, prev: prevIterator };
    };
    expect(await read({})).toEqual({ ids: ["a"], done: false, prev: "-a" });
    expect(await read({ iterator: "a" })).toEqual({ ids: ["b"], done: false, prev: "-b" });
    expect(await read({ iterator: "b" })).toEqual({ ids: ["c"], done: true, prev: "-c" });
    expect(await read({ iterator: "-c" })).toEqual({ ids: ["b"], done: false, prev: "-b" });
  });

  it("shows 50 items unless told otherwise", async () => {
    const ids = Array.from({ length: 60 }, (_, at) => String(at).padStart(2, "0"));
    const page = await list(ids, {}, "ascending");
    expect(page.data).toHaveLength(50);
    expect(page).toMatchObject({ iterator: "49", prevIterator: "-00", done: false });
  });
});

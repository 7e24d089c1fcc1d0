import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Page } from "@posthaste/core/storage/port";
import { listAnswer, type PageQuery } from "./paging.ts";

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

  it("that is empty has no iterators and is done", async () => {
    expect(await list([], {}, "ascending")).toEqual({
      data: [],
      iterator: null,
      prevIterator: null,
      done: true,
    });
  });

  it("shows 50 items unless told otherwise", async () => {
    const ids = Array.from({ length: 60 }, (_, at) => String(at).padStart(2, "0"));
    const page = await list(ids, {}, "ascending");
    expect(page.data).toHaveLength(50);
    expect(page).toMatchObject({ iterator: "49", prevIterator: "-00", done: false });
  });
});

import type { Page } from "../../port.ts";

/**
 * A filtered list is read in steps: one statement looks at a bounded number of rows in the order of the list and
 * gives those that match, and the last of all it looked at whether that one matches or not: there the next
 * step goes on. It stops at the last row that the page needs. So a filter that matches nothing costs many short
 * statements, never a long one, and the connection is somebody else's in between.
 */
export type PlacedRow<Row extends readonly unknown[]> = readonly [
  /** Which of the rows that the statement looked at. */
  place: number,
  /** NULL counts as no, as it does in SQL. */
  matches: boolean | null,
  ...row: Row,
];

export interface Step<Row> {
  readonly rows: Row[];
  /** Where the next step goes on; null when there is nothing more to look at. */
  readonly after: string | null;
}

/** `looked`: the most rows that the statement looked at. */
export function toStep<Row extends readonly unknown[]>(
  placed: readonly PlacedRow<Row>[],
  { looked, id }: { looked: number; id: (row: readonly [...Row]) => string },
): Step<readonly [...Row]> {
  const rows: (readonly [...Row])[] = [];
  let after: string | null = null;
  for (const [place, matches, ...row] of placed) {
    if (matches === true) rows.push(row);
    if (place === looked) after = id(row);
  }
  return { rows, after };
}

/**
 * Takes steps until the page is full or there is nothing more to look at, at most so many; `after`: where it stopped
 * before that.
 */
export async function collect<Row>(
  page: Page,
  take: (page: Page) => Promise<Step<Row>>,
  stepsMax = Number.POSITIVE_INFINITY,
): Promise<Step<Row>> {
  const rows: Row[] = [];
  let after = page.after;
  let steps = 0;
  do {
    const step: Step<Row> = await take({ ...page, after, limit: page.limit - rows.length });
    rows.push(...step.rows);
    ({ after } = step);
    steps += 1;
  } while (after !== null && rows.length < page.limit && steps < stepsMax);
  return { rows, after: rows.length < page.limit ? after : null };
}

import { ksuidFloor } from "../domain/ksuid.ts";
import type { Page } from "./port.ts";

/** Sorts after every id. */
const AFTER_ALL = "~";

/** From (inclusive) and until (exclusive): the part of the ids that is left to look at. */
export interface IdRange {
  readonly from: string;
  readonly until: string;
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

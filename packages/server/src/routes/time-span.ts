import { invalidField } from "@posthaste/core/domain/errors";
import { parseTime } from "@posthaste/core/domain/time";

/** The time a field gives; undefined when it was left out. */
export function timeOf(text: string | null | undefined, loc: readonly string[]): number | undefined {
  if (text === undefined || text === null) return undefined;
  const time = parseTime(text);
  if (time === null) throw invalidField(loc, "Must be a time with its zone, such as 2026-03-14T09:26:53Z.");
  return time;
}

/** From `since` until `until`, by default until now: nothing that is made later belongs to it. */
export function spanOf(
  given: { since: string; until?: string | null },
  { now, place }: { now: number; place: "body" | "query" },
): { since: number; until: number } {
  const since = timeOf(given.since, [place, "since"]) ?? now;
  const until = Math.min(timeOf(given.until, [place, "until"]) ?? now, now);
  if (since >= until) throw invalidField([place, "since"], "Must be before `until`, and in the past.");
  return { since, until };
}

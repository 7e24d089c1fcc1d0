import { RETRY_DELAY_MAX_MS, RETRY_SCHEDULE_ENTRIES_MAX } from "@posthaste/core/domain/limits";
import { SECOND_MS } from "@posthaste/core/domain/time";
import { Type, type Static } from "typebox";
import { named, nullable } from "../fields.ts";

const NANOS_PER_MS = 1_000_000;
const NANOS_PER_S = 1_000_000_000;
/** Of the contract's time type. */
const NANOS_MAX = NANOS_PER_S - 1;

const Duration = named(
  "Duration",
  Type.Object({
    secs: Type.Integer({ minimum: 0, maximum: RETRY_DELAY_MAX_MS / SECOND_MS, examples: [300] }),
    nanos: Type.Integer({
      minimum: 0,
      maximum: NANOS_MAX,
      examples: [0],
      description: "Kept in milliseconds.",
    }),
  }),
);

const RetrySchedule = Type.Array(Duration, {
  maxItems: RETRY_SCHEDULE_ENTRIES_MAX,
  description:
    "How long to wait before each further attempt, each spread by 20 %; [] = no retries, null = the server's schedule.",
});

export const RetryScheduleInOut = named(
  "RetryScheduleInOut",
  Type.Object({
    retrySchedule: Type.Optional(nullable(RetrySchedule)),
  }),
);

export function waitsOf({ retrySchedule }: Static<typeof RetryScheduleInOut>): number[] | null {
  if (retrySchedule === undefined || retrySchedule === null) return null;
  return retrySchedule.map(({ secs, nanos }) => secs * SECOND_MS + Math.round(nanos / NANOS_PER_MS));
}

export function shownSchedule(waitsMs: readonly number[] | null): Static<typeof RetryScheduleInOut> {
  const retrySchedule =
    waitsMs?.map((waitMs) => ({
      secs: Math.floor(waitMs / SECOND_MS),
      nanos: (waitMs % SECOND_MS) * NANOS_PER_MS,
    })) ?? null;
  return { retrySchedule };
}

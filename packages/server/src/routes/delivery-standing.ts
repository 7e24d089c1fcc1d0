import type { Standing } from "@posthaste/core/storage/port-overview";
import { toIso } from "@posthaste/core/domain/time";
import { Type } from "typebox";
import { Time, nullable } from "./fields.ts";

const STATUS_NUMBERS = { success: 0, pending: 1, fail: 2, sending: 3, canceled: 4 } as const;
export type StandingWord = keyof typeof STATUS_NUMBERS;

/** How a message stands at an endpoint, beside the message or the endpoint. */
export const standingFields = {
  status: Type.Unsafe<0 | 1 | 2 | 3 | 4>({
    type: "integer",
    enum: [0, 1, 2, 3, 4],
    description: "0 success, 1 pending, 2 fail, 3 sending, 4 canceled.",
  }),
  statusText: Type.Unsafe<StandingWord>({ type: "string", enum: Object.keys(STATUS_NUMBERS) }),
  nextAttempt: Type.Optional(
    nullable({ ...Time, description: "When it is tried next; null when it is over, or paused." }),
  ),
};

/** Which word a number of the contract stands for. */
export function standingWord(number: number): StandingWord | undefined {
  return Object.keys(STATUS_NUMBERS).find(
    (word): word is StandingWord => STATUS_NUMBERS[word as StandingWord] === number,
  );
}

/** The fields as the API shows them. */
export function standingOut(
  { state, nextAttemptAt }: Pick<Standing, "state" | "nextAttemptAt">,
  { expanded, createdAt }: { expanded: boolean; createdAt: number },
): { status: number; statusText: string; nextAttempt: string | null } {
  // Older clients know no canceled delivery.
  const shown = state === "canceled" && !expanded ? "fail" : state;
  return {
    status: STATUS_NUMBERS[shown],
    statusText: shown,
    // Due at once is stored as due since ever.
    nextAttempt: nextAttemptAt === null ? null : toIso(Math.max(nextAttemptAt, createdAt)),
  };
}

import type { Standing } from "@posthaste/core/storage/port-overview";
import { toIso } from "@posthaste/core/domain/time";
import { Type } from "typebox";
import { Time, nullable } from "./fields.ts";

/** Each at the place that is its number in the contract. */
const WORDS = ["success", "pending", "fail", "sending", "canceled"] as const;
export type StandingWord = (typeof WORDS)[number];

/** How a message stands at an endpoint, beside the message or the endpoint. */
export const standingFields = {
  status: Type.Unsafe<0 | 1 | 2 | 3 | 4>({
    type: "integer",
    enum: [0, 1, 2, 3, 4],
    description: "0 success, 1 pending, 2 fail, 3 sending, 4 canceled.",
  }),
  statusText: Type.Unsafe<StandingWord>({ type: "string", enum: [...WORDS] }),
  nextAttempt: Type.Optional(
    nullable({ ...Time, description: "When it is tried next; null when it is over, or paused." }),
  ),
};

/** Which word a number of the contract stands for. */
export function standingWord(number: number): StandingWord | undefined {
  return WORDS[number];
}

/** The fields as the API shows them. */
export function standingOut(
  { state, nextAttemptAt }: Pick<Standing, "state" | "nextAttemptAt">,
  { expanded, createdAt }: { expanded: boolean; createdAt: number },
): { status: number; statusText: string; nextAttempt: string | null } {
  // Older clients know no canceled delivery.
  const shown = state === "canceled" && !expanded ? "fail" : state;
  return {
    status: WORDS.indexOf(shown),
    statusText: shown,
    // Due at once is stored as due since ever.
    nextAttempt: nextAttemptAt === null ? null : toIso(Math.max(nextAttemptAt, createdAt)),
  };
}

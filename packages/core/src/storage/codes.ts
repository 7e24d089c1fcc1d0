import type { AttemptStatus } from "../domain/attempt.ts";
import type { DeliveryState } from "../domain/delivery.ts";

/** Words stored as numbers in the attempt table. Append only: the numbers are on disk. */
const STATUSES: readonly AttemptStatus[] = ["success", "fail", "canceled"];
const DELIVERY_STATES: readonly DeliveryState[] = ["pending", "succeeded", "failed", "canceled", "paused"];

export function statusCodeOf(status: AttemptStatus): number {
  return STATUSES.indexOf(status);
}

export function statusOf(code: number): AttemptStatus {
  return known(STATUSES[code], code);
}

export function deliveryStateCodeOf(state: DeliveryState): number {
  return DELIVERY_STATES.indexOf(state);
}

export function deliveryStateOf(code: number): DeliveryState {
  return known(DELIVERY_STATES[code], code);
}

function known<Word>(word: Word | undefined, code: number): Word {
  if (word === undefined) throw new Error(`the database holds the unknown code ${code}`);
  return word;
}

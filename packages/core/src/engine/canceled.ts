import { type Attempt, NO_DETAIL } from "../domain/attempt.ts";
import type { DueDelivery } from "../domain/delivery.ts";
import { ID_PREFIX } from "../domain/ids.ts";
import type { Runtime } from "../runtime/runtime.ts";

/** Why a delivery ends without anything being sent. */
export interface Canceled {
  readonly errorClass: string;
  readonly sentence: string;
}

/** The payload was deleted, or its own retention ran out, before the delivery could be made. */
export const PAYLOAD_EXPIRED: Canceled = {
  errorClass: "payload_expired",
  sentence: "Not sent: the payload had been deleted, or its retention period had ended.",
};
export const TRANSFORMATION_CANCELED: Canceled = {
  errorClass: "transformation_canceled",
  sentence: "Not sent: the endpoint's transformation canceled it.",
};

/** The record of it, so that people see why. */
export function canceledAttempt(
  { appId, endpointId, messageId, trigger }: DueDelivery,
  { url, why, runtime }: { url: string; why: Canceled; runtime: Runtime },
): Attempt {
  return {
    id: runtime.ids.next(ID_PREFIX.attempt),
    appId,
    endpointId,
    messageId,
    trigger,
    url,
    timestamp: runtime.clock.now(),
    status: "canceled",
    statusCode: 0,
    errorClass: why.errorClass,
    durationMs: 0,
    deliveryState: "canceled",
    nextAttemptAt: null,
    responseBody: why.sentence,
    detail: NO_DETAIL,
  };
}

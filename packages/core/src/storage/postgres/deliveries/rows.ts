import type { DueDelivery } from "../../../domain/delivery.ts";

/** The columns of a delivery that is owed, in the order of `DueRow`. */
export type DueRow = readonly [
  appId: string,
  endpointId: string,
  order: number,
  messageId: string,
  attempts: number,
  manual: boolean,
  once: boolean,
];

export function toDueDelivery(row: DueRow): DueDelivery {
  const [appId, endpointId, order, messageId, attempts, manual, once] = row;
  const trigger = manual ? "manual" : "scheduled";
  return { appId, endpointId, messageId, attempts, trigger, once, order };
}

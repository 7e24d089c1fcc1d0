import { certificateEarned, courseMilestoneReached, enrollmentCreated, lessonCompleted } from "./courses.ts";
import { customerAddedToSegment, customerCreated, customerUpdated } from "./customers.ts";
import type { CatalogEventType } from "./event-type.ts";
import { chargebackReceived, orderCompleted, orderRefunded, paymentFailed } from "./purchases.ts";
import {
  subscriptionCanceled,
  subscriptionCreated,
  subscriptionRenewed,
  trialEnded,
  trialStarted,
} from "./subscriptions.ts";

/** All event types, in display order: by group, and within a group by what people look for first. */
export const eventTypes = [
  orderCompleted,
  orderRefunded,
  chargebackReceived,
  paymentFailed,
  subscriptionCreated,
  subscriptionRenewed,
  subscriptionCanceled,
  trialStarted,
  trialEnded,
  customerCreated,
  customerUpdated,
  customerAddedToSegment,
  enrollmentCreated,
  lessonCompleted,
  certificateEarned,
  courseMilestoneReached,
] as const satisfies readonly CatalogEventType[];

export type EventTypeName = (typeof eventTypes)[number]["name"];

/** The whole payload of an event type: `PayloadOf<"order.completed">["data"]["order"]["total"]`. */
export type PayloadOf<Name extends EventTypeName> = Extract<
  (typeof eventTypes)[number],
  { readonly name: Name }
>["example"];

/** What an event type says, without the envelope. */
export type DataOf<Name extends EventTypeName> = PayloadOf<Name>["data"];

const byName: ReadonlyMap<string, CatalogEventType> = new Map(eventTypes.map((entry) => [entry.name, entry]));

/** The event type of that name, compared exactly: case counts. */
export function findEventType(name: string): CatalogEventType | undefined {
  return byName.get(name);
}

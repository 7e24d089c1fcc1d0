import type { DataOf, EventTypeName } from "../../catalog.ts";
import type { Money } from "../../nouns/money.ts";
import type { Order } from "../../nouns/order.ts";
import type { Product } from "../../nouns/product.ts";
import type { ScenarioApplication, ScenarioStepOf } from "../scenario.ts";

/** A Monday, so that "this week" and "this month" have just begun in whatever shows it. */
const DATE = "2026-11-02";
const START_HOUR = 6;
export const DAY_STARTS_AT = `${DATE}T06:00:00Z`;

/** The time of the day in UTC, as a person writes it: `07:15`. */
export type ClockTime = `${number}:${number}`;

export function onTheDay(time: ClockTime): string {
  return `${DATE}T${time}:00Z`;
}

function minutesSinceStart(time: ClockTime): number {
  const [hours, minutes] = time.split(":");
  return (Number(hours) - START_HOUR) * 60 + Number(minutes);
}

/** Makes the steps of one application; the payload's timestamp follows from the time of the day. */
export function stepsOf(application: ScenarioApplication) {
  return <Name extends EventTypeName>(
    time: ClockTime,
    eventType: Name,
    data: DataOf<Name>,
    channels?: readonly string[],
  ): ScenarioStepOf<Name> => ({
    atMinutes: minutesSinceStart(time),
    application,
    eventType,
    ...(channels === undefined ? {} : { channels }),
    payload: { type: eventType, timestamp: onTheDay(time), data },
  });
}

/** What a line of an order costs, in the smallest unit of its currency. */
interface LinePrice {
  readonly product: Product;
  readonly price: number;
  readonly discount: number;
  readonly tax: number;
}

/** An order of one piece each, summed up so that its parts and its total cannot disagree. */
export function orderOf(parts: {
  readonly code: string;
  readonly number: string;
  readonly currency: string;
  readonly lines: readonly LinePrice[];
  readonly coupon?: { readonly id: string; readonly code: string };
  readonly provider: string;
  readonly method: string;
  readonly fee: number;
  readonly subscriptionId?: string;
  readonly completedAt: string;
}): Order {
  const money = (amount: number): Money => ({ amount, currency: parts.currency });
  const sum = (amountOf: (line: LinePrice) => number): Money =>
    money(parts.lines.reduce((total, line) => total + amountOf(line), 0));
  const total = sum((line) => line.price - line.discount + line.tax);
  return {
    id: `ord_${parts.code}`,
    number: parts.number,
    lines: parts.lines.map((line, index) => ({
      id: `lin_${parts.code}_${index + 1}`,
      product: line.product,
      quantity: 1,
      unitPrice: money(line.price),
      discount: money(line.discount),
      tax: money(line.tax),
      total: money(line.price - line.discount + line.tax),
    })),
    subtotal: sum((line) => line.price),
    discount: sum((line) => line.discount),
    tax: sum((line) => line.tax),
    total,
    coupon: parts.coupon ?? null,
    payment: {
      id: `pay_${parts.code}`,
      amount: total,
      provider: parts.provider,
      method: parts.method,
      fee: money(parts.fee),
    },
    subscriptionId: parts.subscriptionId ?? null,
    completedAt: parts.completedAt,
  };
}

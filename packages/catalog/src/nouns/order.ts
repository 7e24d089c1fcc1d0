import {
  type Accepted,
  choice,
  count,
  described,
  id,
  label,
  listOf,
  objectOf,
  orNull,
  text,
  time,
} from "../schema.ts";
import { money } from "./money.ts";
import { product } from "./product.ts";

export const payment = objectOf({
  description: "The payment.",
  required: {
    id: id("Stable id of the payment, as the payment provider has it."),
    amount: described(money, "What was to be paid."),
  },
  optional: {
    provider: label("Payment provider, such as stripe or paypal."),
    method: label("How it was paid, in words a person recognises: Visa ending in 4242."),
    fee: described(money, "What the payment provider kept."),
  },
});

export type Payment = Accepted<typeof payment>;

const coupon = objectOf({
  description: "The coupon that was used.",
  required: {
    id: id("Stable id of the coupon."),
    code: label("What the customer typed in."),
  },
});

const orderLine = objectOf({
  description: "One product of the order.",
  required: {
    id: id("Stable id of the line."),
    product: described(product, "What was bought."),
    quantity: count("How many.", { min: 1 }),
    total: described(money, "What this line cost in the end: after discount, with tax."),
  },
  optional: {
    unitPrice: described(money, "Price of one, before discount and tax."),
    discount: described(money, "Taken off this line."),
    tax: described(money, "Tax on this line."),
  },
});

/** Where all parts are given, `subtotal - discount + tax = total`, for the order and for each of its lines. */
export const order = objectOf({
  description: "The order.",
  required: {
    id: id("Stable id of the order."),
    number: label("Number of the order as people know it, such as 1042."),
    lines: listOf(orderLine, { description: "What was bought, at least one line.", minItems: 1 }),
    total: described(money, "What the customer paid: after discount, with tax. Zero for a free order."),
    completedAt: time("When the order was paid."),
  },
  optional: {
    subtotal: described(money, "Sum of the lines before discount and tax."),
    discount: described(money, "Sum of what was taken off."),
    tax: described(money, "Sum of the tax."),
    coupon,
    payment: described(payment, "How the order was paid; null for a free order."),
    subscriptionId: id("The subscription this order starts or renews; null for a one-time purchase."),
  },
});

export type Order = Accepted<typeof order>;

export const refund = objectOf({
  description: "The refund.",
  required: {
    id: id("Stable id of the refund; an order can have several."),
    kind: choice("full when nothing of the order is left unrefunded, otherwise partial.", [
      "full",
      "partial",
    ]),
    amount: described(money, "What this refund gives back, not what was refunded before."),
    reason: choice("Why; other for anything that fits nothing else.", [
      "customer_request",
      "duplicate",
      "fraud",
      "product_problem",
      "goodwill",
      "other",
    ]),
    refundedAt: time("When the money was sent back."),
  },
  optional: {
    note: text("The reason in someone's own words."),
    refundedTotal: described(money, "All refunds of this order so far, this one included."),
    lineIds: listOf(id("Stable id of a line of the order."), {
      description:
        "The lines that were given back; absent or null when the refund is not about certain lines.",
      minItems: 1,
    }),
  },
});

export type Refund = Accepted<typeof refund>;

export const chargeback = objectOf({
  description: "The chargeback: the customer's bank takes the money back and asks for evidence.",
  required: {
    id: id("Stable id of the chargeback, as the payment provider has it."),
    amount: described(money, "What the bank takes back."),
    reason: choice("What the customer told their bank; other for anything that fits nothing else.", [
      "fraudulent",
      "not_received",
      "not_as_described",
      "duplicate",
      "credit_not_processed",
      "subscription_canceled",
      "unrecognized",
      "other",
    ]),
    evidenceDueAt: orNull(time("The last moment to answer with evidence; null when none can be given.")),
  },
  optional: {
    reasonText: text("The reason in the words of the bank."),
    fee: described(money, "What the payment provider charges for the chargeback."),
    paymentId: id("Stable id of the disputed payment."),
    receivedAt: time("When the bank opened it."),
  },
});

export type Chargeback = Accepted<typeof chargeback>;

import { defineEventType } from "./event-type.ts";
import { customer } from "./nouns/customer.ts";
import { chargeback, order, payment, refund } from "./nouns/order.ts";
import { subscription } from "./nouns/subscription.ts";
import { choice, count, described, id, link, objectOf, orNull, text, time } from "./schema.ts";
import { eur, sampleCustomer, sampleOrder, sampleSubscription } from "./sample-objects.ts";

export const orderCompleted = defineEventType({
  name: "order.completed",
  group: "purchases",
  sentence: "Someone buys a product",
  description:
    "An order was paid: a one-time purchase or the first payment of a subscription. Renewals send subscription.renewed instead.",
  data: objectOf({
    description: "The order and who placed it.",
    required: { order, customer: described(customer, "Who bought.") },
  }),
  example: {
    timestamp: "2026-10-05T17:31:40Z",
    data: { order: sampleOrder, customer: sampleCustomer },
  },
  personFields: [
    { path: "/data/customer/name", label: "Customer", format: "text" },
    { path: "/data/customer/email", label: "Email", format: "text" },
    { path: "/data/order/lines/*/product/name", label: "Product", format: "text" },
    { path: "/data/order/total", label: "Total", format: "money" },
    { path: "/data/order/number", label: "Order", format: "text" },
    { path: "/data/order/coupon/code", label: "Coupon", format: "text" },
  ],
});

export const orderRefunded = defineEventType({
  name: "order.refunded",
  group: "purchases",
  sentence: "Someone gets a refund",
  description:
    "All or part of an order was paid back. Sent once for every refund; the order is as it was when paid.",
  data: objectOf({
    description: "The refund, its order, and who gets the money.",
    required: { refund, order, customer: described(customer, "Who gets the money back.") },
  }),
  example: {
    timestamp: "2026-10-08T10:14:05Z",
    data: {
      refund: {
        id: "ref_4S1WJC7E",
        kind: "partial",
        amount: eur(900),
        reason: "customer_request",
        note: "Bought the brush guide twice by mistake.",
        refundedTotal: eur(900),
        lineIds: ["lin_7X3MB0QK_2"],
        refundedAt: "2026-10-08T10:14:05Z",
      },
      order: sampleOrder,
      customer: sampleCustomer,
    },
  },
  personFields: [
    { path: "/data/customer/name", label: "Customer", format: "text" },
    { path: "/data/customer/email", label: "Email", format: "text" },
    { path: "/data/refund/amount", label: "Refunded", format: "money" },
    { path: "/data/refund/kind", label: "Refund", format: "choice" },
    { path: "/data/refund/reason", label: "Reason", format: "choice" },
    { path: "/data/refund/note", label: "Note", format: "text" },
    { path: "/data/order/number", label: "Order", format: "text" },
  ],
});

export const chargebackReceived = defineEventType({
  name: "chargeback.received",
  group: "purchases",
  sentence: "Someone disputes a payment with their bank",
  description: "The customer's bank opened a chargeback. Inquiries that move no money do not send it.",
  data: objectOf({
    description: "The chargeback, whose payment it is about, and the order where it is known.",
    required: { chargeback, customer: described(customer, "Whose payment is disputed.") },
    optional: { order: described(order, "The disputed order, as it was when paid.") },
  }),
  example: {
    timestamp: "2026-10-21T06:45:00Z",
    data: {
      chargeback: {
        id: "cbk_8P5DXL0Z",
        amount: eur(6300),
        fee: eur(1500),
        reason: "unrecognized",
        reasonText: "Cardholder does not recognise the transaction",
        paymentId: "pay_6W1VND9G",
        evidenceDueAt: "2026-10-30T23:59:59Z",
        receivedAt: "2026-10-21T06:45:00Z",
      },
      customer: sampleCustomer,
      order: sampleOrder,
    },
  },
  personFields: [
    { path: "/data/customer/name", label: "Customer", format: "text" },
    { path: "/data/customer/email", label: "Email", format: "text" },
    { path: "/data/chargeback/amount", label: "Amount", format: "money" },
    { path: "/data/chargeback/reason", label: "Reason", format: "choice" },
    { path: "/data/chargeback/evidenceDueAt", label: "Answer by", format: "date" },
    { path: "/data/order/number", label: "Order", format: "text" },
  ],
});

const paymentFailure = objectOf({
  description: "Why it failed and what happens next.",
  required: {
    code: choice("What went wrong; other for anything that fits nothing else.", [
      "insufficient_funds",
      "card_declined",
      "card_expired",
      "incorrect_details",
      "authentication_required",
      "suspected_fraud",
      "provider_error",
      "other",
    ]),
    nextAttemptAt: orNull(
      time("When the payment is tried again by itself; null when it will not be: someone has to act."),
    ),
  },
  optional: {
    message: text("What went wrong, in the words of the payment provider."),
    attempt: count("Which try this was, from 1.", { min: 1 }),
    updateUrl: link("Where the customer can change how they pay. Personal: do not publish it."),
  },
});

export const paymentFailed = defineEventType({
  name: "payment.failed",
  group: "purchases",
  sentence: "A payment fails",
  description: "A payment was tried and did not go through. Sent for every try, for orders and for renewals.",
  data: objectOf({
    description: "The payment, why it failed, whose it is, and what it was for where that is known.",
    required: { payment, failure: paymentFailure, customer: described(customer, "Who was to pay.") },
    optional: {
      orderId: id("Stable id of the order that was to be paid; null when there is none yet."),
      subscription: described(subscription, "The subscription that was to be paid; null for an order."),
    },
  }),
  example: {
    timestamp: "2026-11-12T09:00:03Z",
    data: {
      payment: {
        id: "pay_1L6TZB3H",
        amount: eur(1900),
        provider: "stripe",
        method: "Visa ending in 4242",
        fee: null,
      },
      failure: {
        code: "insufficient_funds",
        message: "Your card has insufficient funds.",
        attempt: 1,
        nextAttemptAt: "2026-11-14T09:00:00Z",
        updateUrl: "https://school.example.com/billing/update?token=c2FtcGxl",
      },
      customer: sampleCustomer,
      orderId: null,
      subscription: { ...sampleSubscription, status: "past_due" },
    },
  },
  personFields: [
    { path: "/data/customer/name", label: "Customer", format: "text" },
    { path: "/data/customer/email", label: "Email", format: "text" },
    { path: "/data/payment/amount", label: "Amount", format: "money" },
    { path: "/data/subscription/product/name", label: "Product", format: "text" },
    { path: "/data/failure/code", label: "Reason", format: "choice" },
    { path: "/data/failure/nextAttemptAt", label: "Next try", format: "date" },
  ],
});

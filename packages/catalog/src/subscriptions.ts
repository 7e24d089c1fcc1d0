import { defineEventType } from "./event-type.ts";
import { customer } from "./nouns/customer.ts";
import { order } from "./nouns/order.ts";
import { canceledSubscription, endedTrial, subscription, trial } from "./nouns/subscription.ts";
import { choice, described, id, objectOf } from "./schema.ts";
import {
  sampleCustomer,
  sampleMembershipProduct,
  sampleRenewalOrder,
  sampleSubscription,
} from "./sample-objects.ts";

const subscriber = described(customer, "Who subscribes.");

export const subscriptionCreated = defineEventType({
  name: "subscription.created",
  group: "subscriptions",
  sentence: "Someone subscribes",
  description:
    "A subscription began, paid or on trial (its status tells). A first payment sends order.completed too, a trial trial.started.",
  data: objectOf({
    description: "The subscription, its subscriber, and the order that paid for it.",
    required: { subscription, customer: subscriber },
    optional: { orderId: id("Stable id of the order that started it; null for a trial.") },
  }),
  example: {
    timestamp: "2026-10-12T09:00:00Z",
    data: { subscription: sampleSubscription, customer: sampleCustomer, orderId: "ord_9V2HNE5J" },
  },
  personFields: [
    { path: "/data/customer/name", label: "Customer", format: "text" },
    { path: "/data/customer/email", label: "Email", format: "text" },
    { path: "/data/subscription/product/name", label: "Product", format: "text" },
    { path: "/data/subscription/plan/name", label: "Plan", format: "text" },
    { path: "/data/subscription/plan/price", label: "Price", format: "money" },
    { path: "/data/subscription/currentPeriodEnd", label: "Next payment", format: "date" },
  ],
});

export const subscriptionRenewed = defineEventType({
  name: "subscription.renewed",
  group: "subscriptions",
  sentence: "A subscription renews",
  description:
    "A subscription was paid for another period, or for the first one after a trial. No order.completed is sent for it.",
  data: objectOf({
    description: "The subscription in its new period, its subscriber, and the order that paid for it.",
    required: { subscription, customer: subscriber, order: described(order, "The order that paid for it.") },
  }),
  example: {
    timestamp: "2026-11-12T09:00:04Z",
    data: {
      subscription: {
        ...sampleSubscription,
        currentPeriodStart: "2026-11-12T09:00:00Z",
        currentPeriodEnd: "2026-12-12T09:00:00Z",
      },
      customer: sampleCustomer,
      order: sampleRenewalOrder,
    },
  },
  personFields: [
    { path: "/data/customer/name", label: "Customer", format: "text" },
    { path: "/data/customer/email", label: "Email", format: "text" },
    { path: "/data/subscription/product/name", label: "Product", format: "text" },
    { path: "/data/order/total", label: "Paid", format: "money" },
    { path: "/data/subscription/currentPeriodEnd", label: "Next payment", format: "date" },
  ],
});

export const subscriptionCanceled = defineEventType({
  name: "subscription.canceled",
  group: "subscriptions",
  sentence: "Someone cancels a subscription",
  description:
    "A subscription was told to end (when: scheduled), or access has ended (when: effective). Both are sent if they differ in time.",
  data: objectOf({
    description: "The subscription, its subscriber, and whether access has ended.",
    required: {
      when: choice(
        "scheduled: the customer keeps access until subscription.endsAt. effective: access has ended; revoke it now.",
        ["scheduled", "effective"],
      ),
      subscription: canceledSubscription,
      customer: subscriber,
    },
  }),
  example: {
    timestamp: "2026-11-20T19:22:50Z",
    data: {
      when: "scheduled",
      subscription: {
        ...sampleSubscription,
        currentPeriodStart: "2026-11-12T09:00:00Z",
        currentPeriodEnd: "2026-12-12T09:00:00Z",
        canceledAt: "2026-11-20T19:22:50Z",
        endsAt: "2026-12-12T09:00:00Z",
        cancelReason: "not_using",
        cancelComment: "No time to paint before spring.",
      },
      customer: sampleCustomer,
    },
  },
  personFields: [
    { path: "/data/customer/name", label: "Customer", format: "text" },
    { path: "/data/customer/email", label: "Email", format: "text" },
    { path: "/data/subscription/product/name", label: "Product", format: "text" },
    { path: "/data/subscription/cancelReason", label: "Reason", format: "choice" },
    { path: "/data/subscription/cancelComment", label: "Comment", format: "text" },
    { path: "/data/subscription/endsAt", label: "Access ends", format: "date" },
  ],
});

const trialSubscription = described(
  subscription,
  "The subscription the trial belongs to; null for a trial without one.",
);

export const trialStarted = defineEventType({
  name: "trial.started",
  group: "subscriptions",
  sentence: "Someone starts a free trial",
  description: "A free trial began. If it belongs to a subscription, subscription.created is sent too.",
  data: objectOf({
    description: "The trial and who tries.",
    required: { trial, customer: described(customer, "Who tries.") },
    optional: { subscription: trialSubscription },
  }),
  example: {
    timestamp: "2026-10-05T09:00:00Z",
    data: {
      trial: {
        id: "trl_5G0BQF8W",
        product: sampleMembershipProduct,
        startedAt: "2026-10-05T09:00:00Z",
        endsAt: "2026-10-12T09:00:00Z",
        converted: null,
      },
      customer: sampleCustomer,
      subscription: {
        ...sampleSubscription,
        id: "sub_7R3CMA1Y",
        status: "trialing",
        startedAt: "2026-10-05T09:00:00Z",
        currentPeriodStart: "2026-10-05T09:00:00Z",
        currentPeriodEnd: "2026-10-12T09:00:00Z",
        trialEndsAt: "2026-10-12T09:00:00Z",
      },
    },
  },
  personFields: [
    { path: "/data/customer/name", label: "Customer", format: "text" },
    { path: "/data/customer/email", label: "Email", format: "text" },
    { path: "/data/trial/product/name", label: "Product", format: "text" },
    { path: "/data/trial/endsAt", label: "Trial ends", format: "date" },
  ],
});

export const trialEnded = defineEventType({
  name: "trial.ended",
  group: "subscriptions",
  sentence: "A free trial ends",
  description:
    "A free trial is over: trial.converted tells whether it became a paid subscription (subscription.renewed) or not.",
  data: objectOf({
    description: "The trial, what became of it, and who tried.",
    required: { trial: endedTrial, customer: described(customer, "Who tried.") },
    optional: { subscription: trialSubscription },
  }),
  example: {
    timestamp: "2026-10-12T09:00:00Z",
    data: {
      trial: {
        id: "trl_5G0BQF8W",
        product: sampleMembershipProduct,
        startedAt: "2026-10-05T09:00:00Z",
        endsAt: "2026-10-12T09:00:00Z",
        converted: true,
      },
      customer: sampleCustomer,
      subscription: {
        ...sampleSubscription,
        id: "sub_7R3CMA1Y",
        startedAt: "2026-10-05T09:00:00Z",
        trialEndsAt: "2026-10-12T09:00:00Z",
      },
    },
  },
  personFields: [
    { path: "/data/customer/name", label: "Customer", format: "text" },
    { path: "/data/customer/email", label: "Email", format: "text" },
    { path: "/data/trial/product/name", label: "Product", format: "text" },
    { path: "/data/trial/converted", label: "Became a subscriber", format: "yesNo" },
    { path: "/data/trial/endsAt", label: "Trial ended", format: "date" },
  ],
});

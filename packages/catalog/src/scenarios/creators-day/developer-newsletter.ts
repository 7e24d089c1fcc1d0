import type { Customer, Segment } from "../../nouns/customer.ts";
import type { Product } from "../../nouns/product.ts";
import type { Subscription } from "../../nouns/subscription.ts";
import type { ScenarioApplication, ScenarioStep } from "../scenario.ts";
import { onTheDay, orderOf, stepsOf } from "./day.ts";

/**
 * The Tokyo TypeScript Letter is a newsletter with paid issues, in yen: a currency without a smaller unit, which
 * is what breaks everything that divides by a hundred without asking.
 * Kenji joins with an e-mail address and no name, starts a trial and adds his name at noon. Hana lets her trial
 * pass. Oliver subscribes for a year. Yuki renews hers. Emi's card has no money; it will be tried again tomorrow.
 */
const tokyoLetter: ScenarioApplication = { uid: "tokyo-typescript", name: "Tokyo TypeScript Letter" };
const step = stepsOf(tokyoLetter);

const letter: Product = {
  id: "prd_3G7TYKX1",
  name: "Tokyo TypeScript Letter, full access",
  kind: "newsletter",
  sku: "TTL-FULL",
  url: "https://tokyo-typescript.example.com/subscribe",
};

const jpy = (amount: number) => ({ amount, currency: "JPY" });

const monthly = {
  id: "pln_3G7TYKX1_M",
  name: "Monthly",
  price: jpy(900),
  interval: "month",
  intervalCount: 1,
} as const;

const yearly = {
  id: "pln_3G7TYKX1_Y",
  name: "Yearly",
  price: jpy(9000),
  interval: "year",
  intervalCount: 1,
} as const;

const weeklyReaders: Segment = { id: "seg_8C5LQF2W", name: "Weekly readers", kind: "list" };

const kenjiUnnamed: Customer = {
  id: "cus_6T9ZHB4D",
  email: "kenji@example.com",
  name: null,
  country: "JP",
  locale: "ja-JP",
  acceptsMarketing: true,
  createdAt: onTheDay("06:50"),
};
const kenji: Customer = { ...kenjiUnnamed, name: "佐藤 健司" };

const hana: Customer = {
  id: "cus_0N3PWV8R",
  email: "hana.mori@example.com",
  name: "Hana Mori",
  country: "JP",
  locale: "ja-JP",
  acceptsMarketing: true,
  createdAt: "2026-10-19T08:58:00Z",
};

const yuki: Customer = {
  id: "cus_2J6XEK7M",
  email: "yuki.tanaka@example.com",
  name: "Yuki Tanaka",
  country: "JP",
  locale: "ja-JP",
  acceptsMarketing: true,
  createdAt: "2024-11-02T10:00:00Z",
};

const oliver: Customer = {
  id: "cus_7L1CGS5Y",
  email: "oliver.lindqvist@example.com",
  name: "Oliver Lindqvist",
  country: "SE",
  locale: "en",
  acceptsMarketing: false,
  createdAt: "2026-09-08T20:31:09Z",
};

const emi: Customer = {
  id: "cus_5A8DUQ0F",
  email: "emi.kobayashi@example.com",
  name: "Emi Kobayashi",
  country: "JP",
  locale: "ja-JP",
  acceptsMarketing: true,
  createdAt: "2026-03-02T11:05:54Z",
};

const neverEnding = {
  trialEndsAt: null,
  canceledAt: null,
  endsAt: null,
  cancelReason: null,
  cancelComment: null,
} as const;

const kenjisSubscription: Subscription = {
  ...neverEnding,
  id: "sub_4R8NFB2Z",
  status: "trialing",
  product: letter,
  plan: monthly,
  startedAt: onTheDay("07:40"),
  currentPeriodStart: onTheDay("07:40"),
  currentPeriodEnd: "2026-11-16T07:40:00Z",
  trialEndsAt: "2026-11-16T07:40:00Z",
};

const hanasSubscription = {
  id: "sub_9Y5MJW6K",
  status: "canceled",
  product: letter,
  plan: monthly,
  startedAt: "2026-10-19T09:00:00Z",
  currentPeriodStart: "2026-10-19T09:00:00Z",
  currentPeriodEnd: onTheDay("09:00"),
  trialEndsAt: onTheDay("09:00"),
  canceledAt: onTheDay("09:00"),
  endsAt: onTheDay("09:00"),
  cancelReason: "trial_not_converted",
  cancelComment: null,
} satisfies Subscription;

const yukisSubscription: Subscription = {
  ...neverEnding,
  id: "sub_1V7KTC9H",
  status: "active",
  product: letter,
  plan: yearly,
  startedAt: "2024-11-02T10:00:00Z",
  currentPeriodStart: onTheDay("10:00"),
  currentPeriodEnd: "2027-11-02T10:00:00Z",
};

const oliversSubscription: Subscription = {
  ...neverEnding,
  id: "sub_6Q2XDP0S",
  status: "active",
  product: letter,
  plan: yearly,
  startedAt: onTheDay("13:00"),
  currentPeriodStart: onTheDay("13:00"),
  currentPeriodEnd: "2027-11-02T13:00:00Z",
};

const emisSubscription: Subscription = {
  ...neverEnding,
  id: "sub_8E4GZL3U",
  status: "past_due",
  product: letter,
  plan: monthly,
  startedAt: "2026-03-02T19:00:00Z",
  currentPeriodStart: "2026-10-02T19:00:00Z",
  currentPeriodEnd: onTheDay("19:00"),
};

const yukisOrder = orderOf({
  code: "5W0RHS7B",
  number: "TTL-20417",
  currency: "JPY",
  lines: [{ product: letter, price: 8182, discount: 0, tax: 818 }],
  provider: "stripe",
  method: "JCB ending in 0505",
  fee: 324,
  subscriptionId: yukisSubscription.id,
  completedAt: onTheDay("10:00"),
});

const oliversOrder = orderOf({
  code: "3P9FVN6C",
  number: "TTL-20418",
  currency: "JPY",
  lines: [{ product: letter, price: 9000, discount: 0, tax: 0 }],
  provider: "stripe",
  method: "Mastercard ending in 8210",
  fee: 324,
  subscriptionId: oliversSubscription.id,
  completedAt: onTheDay("13:00"),
});

const kenjisDay: readonly ScenarioStep[] = [
  step("06:50", "customer.created", { customer: kenjiUnnamed, origin: "Issue 118, end of page" }),
  step("06:51", "customer.added_to_segment", { segment: weeklyReaders, customer: kenjiUnnamed }),
  step("07:40", "subscription.created", {
    subscription: kenjisSubscription,
    customer: kenjiUnnamed,
    orderId: null,
  }),
  step("07:40", "trial.started", {
    trial: {
      id: "trl_4R8NFB2Z",
      product: letter,
      startedAt: onTheDay("07:40"),
      endsAt: "2026-11-16T07:40:00Z",
      converted: null,
    },
    customer: kenjiUnnamed,
    subscription: kenjisSubscription,
  }),
  step("12:00", "customer.updated", { customer: kenji, previous: { name: null } }),
];

const othersDay: readonly ScenarioStep[] = [
  step("09:00", "trial.ended", {
    trial: {
      id: "trl_9Y5MJW6K",
      product: letter,
      startedAt: "2026-10-19T09:00:00Z",
      endsAt: onTheDay("09:00"),
      converted: false,
    },
    customer: hana,
    subscription: hanasSubscription,
  }),
  step("09:00", "subscription.canceled", {
    when: "effective",
    subscription: hanasSubscription,
    customer: hana,
  }),
  step("10:00", "subscription.renewed", {
    subscription: yukisSubscription,
    customer: yuki,
    order: yukisOrder,
  }),
  step("13:00", "order.completed", { order: oliversOrder, customer: oliver }),
  step("13:00", "subscription.created", {
    subscription: oliversSubscription,
    customer: oliver,
    orderId: oliversOrder.id,
  }),
  step("19:00", "payment.failed", {
    payment: {
      id: "pay_0K6TYX8D",
      amount: jpy(900),
      provider: "stripe",
      method: "Visa ending in 9995",
      fee: null,
    },
    failure: {
      code: "insufficient_funds",
      message: "Your card has insufficient funds.",
      attempt: 1,
      nextAttemptAt: "2026-11-03T19:00:00Z",
      updateUrl: "https://tokyo-typescript.example.com/billing/update?token=c2FtcGxlLWVtaQ",
    },
    customer: emi,
    orderId: null,
    subscription: emisSubscription,
  }),
];

export const developerNewsletterSteps: readonly ScenarioStep[] = [...kenjisDay, ...othersDay];

import type { Course, Enrollment, Lesson } from "../../nouns/course.ts";
import type { Customer, Segment } from "../../nouns/customer.ts";
import type { Product } from "../../nouns/product.ts";
import type { Subscription } from "../../nouns/subscription.ts";
import type { ScenarioApplication, ScenarioStep } from "../scenario.ts";
import { onTheDay, orderOf, stepsOf } from "./day.ts";

/**
 * Mira teaches yoga from Berlin and sells in euros, with German tax.
 * Lena signs up at breakfast, buys a one-day course with her welcome coupon, goes through it during the day and
 * holds a certificate by evening. Tom's card fails in the morning, he corrects his details, and the second try
 * renews his membership. Sofia's trial becomes a membership. Paul leaves at the end of what he paid for.
 */
const miraYoga: ScenarioApplication = { uid: "mira-yoga", name: "Mira Yoga" };
const step = stepsOf(miraYoga);
const courseChannel = ["course.crs_4TBQ7XNE"];

const dayOfBreath: Product = {
  id: "prd_4TBQ7XNE",
  name: "A Day of Breath",
  kind: "course",
  sku: "BREATH-1",
  url: "https://mira-yoga.example.com/day-of-breath",
};

const morningFlow: Product = {
  id: "prd_8W2KMC5R",
  name: "Morning Flow Membership",
  kind: "membership",
  sku: "FLOW",
  url: "https://mira-yoga.example.com/morning-flow",
};

const course: Course = {
  id: "crs_4TBQ7XNE",
  name: "A Day of Breath",
  url: "https://mira-yoga.example.com/learn/day-of-breath",
  lessonCount: 4,
  productId: dayOfBreath.id,
};

const arriving = lesson({ id: "les_4TBQ7XNE_1", name: "Arriving", position: 1 });
const boxBreath = lesson({ id: "les_4TBQ7XNE_2", name: "The box breath", position: 2 });
const breathAndSpine = lesson({ id: "les_4TBQ7XNE_3", name: "Breath and spine", position: 3 });
const eveningRest = lesson({ id: "les_4TBQ7XNE_4", name: "Evening rest", position: 4 });

function lesson(part: { readonly id: string; readonly name: string; readonly position: number }): Lesson {
  return { ...part, section: "One day", url: `${course.url ?? ""}/${part.position}` };
}

const finishers: Segment = { id: "seg_6P1YHD9V", name: "Finished a course", kind: "tag" };

const lena: Customer = {
  id: "cus_2K7FQZ4M",
  email: "lena.fischer@example.com",
  name: "Lena Fischer",
  country: "DE",
  locale: "de-DE",
  acceptsMarketing: true,
  createdAt: onTheDay("06:05"),
};

const tomBefore: Customer = {
  id: "cus_9R3XVB6T",
  email: "tom@old-mail.example.com",
  name: "Tom Becker",
  country: "DE",
  locale: "de-DE",
  acceptsMarketing: false,
  createdAt: "2025-06-02T10:20:00Z",
};
const tom: Customer = { ...tomBefore, email: "tom.becker@example.com" };

const sofia: Customer = {
  id: "cus_7D5LWN0C",
  email: "sofia.marino@example.com",
  name: "Sofia Marino",
  country: "IT",
  locale: "it-IT",
  acceptsMarketing: true,
  createdAt: "2026-10-26T08:00:00Z",
};

const paul: Customer = {
  id: "cus_1H8SGE3J",
  email: "paul.dubois@example.com",
  name: "Paul Dubois",
  country: "FR",
  locale: "fr-FR",
  acceptsMarketing: null,
  createdAt: "2026-02-14T19:11:30Z",
};

const lenasOrder = orderOf({
  code: "5C0RJT8A",
  number: "2318",
  currency: "EUR",
  lines: [{ product: dayOfBreath, price: 10000, discount: 1000, tax: 1710 }],
  coupon: { id: "cpn_3M9WDK7U", code: "WELCOME10" },
  provider: "stripe",
  method: "Visa ending in 4242",
  fee: 186,
  completedAt: onTheDay("06:20"),
});

function lenasPlace(lessonsCompleted: number): Enrollment {
  return {
    id: "enr_0V6PAF2S",
    enrolledAt: onTheDay("06:21"),
    progressPercent: lessonsCompleted * 25,
    lessonsCompleted,
    origin: "purchase",
    orderId: lenasOrder.id,
    expiresAt: null,
    completedAt: lessonsCompleted === 4 ? onTheDay("17:40") : null,
  };
}

function morningFlowOf(part: {
  readonly id: string;
  readonly startedAt: string;
  readonly currentPeriodStart: string;
  readonly currentPeriodEnd: string;
}): Subscription {
  return {
    id: part.id,
    status: "active",
    product: morningFlow,
    plan: {
      id: "pln_8W2KMC5R",
      name: "Monthly",
      price: { amount: 2900, currency: "EUR" },
      interval: "month",
      intervalCount: 1,
    },
    startedAt: part.startedAt,
    currentPeriodStart: part.currentPeriodStart,
    currentPeriodEnd: part.currentPeriodEnd,
    trialEndsAt: null,
    canceledAt: null,
    endsAt: null,
    cancelReason: null,
    cancelComment: null,
  };
}

function renewalOrder(part: {
  readonly code: string;
  readonly number: string;
  readonly method: string;
  readonly subscriptionId: string;
  readonly completedAt: string;
}) {
  return orderOf({
    ...part,
    currency: "EUR",
    lines: [{ product: morningFlow, price: 2437, discount: 0, tax: 463 }],
    provider: "stripe",
    fee: 69,
  });
}

const tomsMembership = morningFlowOf({
  id: "sub_5N4ZUC8Q",
  startedAt: "2025-06-02T06:30:00Z",
  currentPeriodStart: "2026-10-02T06:30:00Z",
  currentPeriodEnd: onTheDay("06:30"),
});

const sofiasMembership: Subscription = {
  ...morningFlowOf({
    id: "sub_2X7BHM1L",
    startedAt: "2026-10-26T08:00:00Z",
    currentPeriodStart: onTheDay("08:00"),
    currentPeriodEnd: "2026-12-02T08:00:00Z",
  }),
  trialEndsAt: onTheDay("08:00"),
};

const paulsMembership = morningFlowOf({
  id: "sub_6G9QKY3D",
  startedAt: "2026-02-14T19:12:00Z",
  currentPeriodStart: "2026-10-14T19:12:00Z",
  currentPeriodEnd: "2026-11-14T19:12:00Z",
});

const lenasDay: readonly ScenarioStep[] = [
  step("06:05", "customer.created", { customer: lena, origin: "Newsletter form" }),
  step("06:20", "order.completed", { order: lenasOrder, customer: lena }),
  step("06:21", "enrollment.created", { course, enrollment: lenasPlace(0), customer: lena }, courseChannel),
  step(
    "07:00",
    "lesson.completed",
    { lesson: arriving, course, enrollment: lenasPlace(1), customer: lena },
    courseChannel,
  ),
  step(
    "09:30",
    "lesson.completed",
    { lesson: boxBreath, course, enrollment: lenasPlace(2), customer: lena },
    courseChannel,
  ),
  step(
    "09:30",
    "course.milestone_reached",
    {
      milestone: { id: "mil_4TBQ7XNE_50", name: "Halfway through the day", percent: 50 },
      course,
      enrollment: lenasPlace(2),
      customer: lena,
    },
    courseChannel,
  ),
  step(
    "12:45",
    "lesson.completed",
    { lesson: breathAndSpine, course, enrollment: lenasPlace(3), customer: lena },
    courseChannel,
  ),
  step(
    "17:40",
    "lesson.completed",
    { lesson: eveningRest, course, enrollment: lenasPlace(4), customer: lena },
    courseChannel,
  ),
  step(
    "17:41",
    "certificate.earned",
    {
      certificate: {
        id: "crt_8Z1EWR5F",
        number: "BREATH-2026-0412",
        url: "https://mira-yoga.example.com/certificates/BREATH-2026-0412",
        issuedAt: onTheDay("17:41"),
        expiresAt: null,
      },
      course,
      enrollment: lenasPlace(4),
      customer: lena,
    },
    courseChannel,
  ),
  step("17:42", "customer.added_to_segment", { segment: finishers, customer: lena }),
];

const tomsDay: readonly ScenarioStep[] = [
  step("06:30", "payment.failed", {
    payment: {
      id: "pay_7J3VLS9X",
      amount: { amount: 2900, currency: "EUR" },
      provider: "stripe",
      method: "Mastercard ending in 4444",
      fee: null,
    },
    failure: {
      code: "card_expired",
      message: "Your card has expired.",
      attempt: 1,
      nextAttemptAt: onTheDay("14:30"),
      updateUrl: "https://mira-yoga.example.com/billing/update?token=c2FtcGxlLXRvbQ",
    },
    customer: tomBefore,
    orderId: null,
    subscription: { ...tomsMembership, status: "past_due" },
  }),
  step("10:15", "customer.updated", { customer: tom, previous: { email: tomBefore.email } }),
  step("14:30", "subscription.renewed", {
    subscription: {
      ...tomsMembership,
      currentPeriodStart: onTheDay("06:30"),
      currentPeriodEnd: "2026-12-02T06:30:00Z",
    },
    customer: tom,
    order: renewalOrder({
      code: "1E8YDG4P",
      number: "2321",
      method: "Mastercard ending in 5100",
      subscriptionId: tomsMembership.id,
      completedAt: onTheDay("14:30"),
    }),
  }),
];

const othersDay: readonly ScenarioStep[] = [
  step("08:00", "trial.ended", {
    trial: {
      id: "trl_2X7BHM1L",
      product: morningFlow,
      startedAt: "2026-10-26T08:00:00Z",
      endsAt: onTheDay("08:00"),
      converted: true,
    },
    customer: sofia,
    subscription: sofiasMembership,
  }),
  step("08:01", "subscription.renewed", {
    subscription: sofiasMembership,
    customer: sofia,
    order: renewalOrder({
      code: "9B2TQX6H",
      number: "2319",
      method: "SEPA direct debit from IT60 •••• 3456",
      subscriptionId: sofiasMembership.id,
      completedAt: onTheDay("08:01"),
    }),
  }),
  step("11:00", "subscription.canceled", {
    when: "scheduled",
    subscription: {
      ...paulsMembership,
      canceledAt: onTheDay("11:00"),
      endsAt: "2026-11-14T19:12:00Z",
      cancelReason: "not_using",
      cancelComment: "Mornings are too full at the moment. I will be back!",
    },
    customer: paul,
  }),
];

export const yogaTeacherSteps: readonly ScenarioStep[] = [...lenasDay, ...tomsDay, ...othersDay];

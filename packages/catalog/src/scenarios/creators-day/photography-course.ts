import type { Course, Enrollment, Lesson } from "../../nouns/course.ts";
import type { Customer, Segment } from "../../nouns/customer.ts";
import type { Product } from "../../nouns/product.ts";
import type { ScenarioApplication, ScenarioStep } from "../scenario.ts";
import { onTheDay, orderOf, stepsOf } from "./day.ts";

/**
 * Light & Lens sells one photography course and a pack of presets in US dollars, without tax.
 * Marcus buys both, begins at once and gives the presets back. Priya finishes the course she began in summer.
 * Noor's card is declined at the checkout and goes through a minute later. Dana gets all her money back.
 * Victor's bank reverses a payment of last month.
 */
const lightAndLens: ScenarioApplication = { uid: "light-and-lens", name: "Light & Lens" };
const step = stepsOf(lightAndLens);
const courseChannel = ["course.crs_1R9GWPK5"];

const streetCourse: Product = {
  id: "prd_1R9GWPK5",
  name: "Street Photography Masterclass",
  kind: "course",
  sku: "STREET",
  url: "https://light-and-lens.example.com/street",
};

const presetPack: Product = {
  id: "prd_6Y2DNV8B",
  name: "Night Preset Pack",
  kind: "download",
  sku: "PRESET-N",
  url: "https://light-and-lens.example.com/presets/night",
};

const course: Course = {
  id: "crs_1R9GWPK5",
  name: "Street Photography Masterclass",
  url: "https://light-and-lens.example.com/learn/street",
  lessonCount: 12,
  productId: streetCourse.id,
};

const lookingFirst = lesson({ name: "Looking before shooting", position: 1, section: "Seeing" });
const hardLight = lesson({ name: "Hard light, soft light", position: 2, section: "Seeing" });
const gettingCloser = lesson({ name: "Getting closer", position: 3, section: "Seeing" });
const editingASeries = lesson({ name: "Editing a series", position: 12, section: "Showing" });

function lesson(part: {
  readonly name: string;
  readonly position: number;
  readonly section: string;
}): Lesson {
  return { ...part, id: `les_1R9GWPK5_${part.position}`, url: `${course.url ?? ""}/${part.position}` };
}

const disputed: Segment = { id: "seg_0J4ZQM7S", name: "Disputed a payment", kind: "segment" };

const marcus: Customer = {
  id: "cus_3W8HCT6E",
  email: "marcus.reed@example.com",
  name: "Marcus Reed",
  country: "US",
  locale: "en-US",
  acceptsMarketing: true,
  createdAt: onTheDay("07:10"),
};

const priya: Customer = {
  id: "cus_5P1XLB9K",
  email: "priya.nair@example.com",
  name: "Priya Nair",
  country: "IN",
  locale: "en-IN",
  acceptsMarketing: true,
  createdAt: "2026-07-19T15:44:02Z",
};

const victor: Customer = {
  id: "cus_8M6FRD2Y",
  email: "victor.hale@example.com",
  name: "Victor Hale",
  country: "GB",
  locale: "en-GB",
  acceptsMarketing: false,
  createdAt: "2026-10-05T21:03:18Z",
};

const noor: Customer = {
  id: "cus_4V0NSJ7A",
  email: "noor.haddad@example.com",
  name: "Noor Haddad",
  country: "AE",
  locale: "ar-AE",
  acceptsMarketing: null,
  createdAt: "2026-08-30T12:00:45Z",
};

const dana: Customer = {
  id: "cus_9E3KWZ5Q",
  email: "dana.okafor@example.com",
  name: "Dana Okafor",
  country: "US",
  locale: "en-US",
  acceptsMarketing: false,
  createdAt: "2026-10-28T02:15:00Z",
};

const usd = (amount: number) => ({ amount, currency: "USD" });
const courseLine = { product: streetCourse, price: 14900, discount: 0, tax: 0 };

const marcusOrder = orderOf({
  code: "2D7LXP4N",
  number: "LL-0871",
  currency: "USD",
  lines: [courseLine, { product: presetPack, price: 2500, discount: 0, tax: 0 }],
  provider: "paypal",
  method: "PayPal, marcus.reed@example.com",
  fee: 656,
  completedAt: onTheDay("07:25"),
});

const victorsOrder = orderOf({
  code: "8T5QBK1W",
  number: "LL-0792",
  currency: "USD",
  lines: [courseLine],
  provider: "stripe",
  method: "Visa ending in 1881",
  fee: 462,
  completedAt: "2026-10-05T21:03:20Z",
});

const noorsOrder = orderOf({
  code: "6H9VYC3R",
  number: "LL-0872",
  currency: "USD",
  lines: [{ ...courseLine, discount: 2980 }],
  coupon: { id: "cpn_7S2GEX0F", code: "NOVEMBER20" },
  provider: "stripe",
  method: "American Express ending in 0005",
  fee: 376,
  completedAt: onTheDay("13:41"),
});

const danasOrder = orderOf({
  code: "0F3MJZ8U",
  number: "LL-0864",
  currency: "USD",
  lines: [courseLine],
  provider: "stripe",
  method: "Visa ending in 4242",
  fee: 462,
  completedAt: "2026-10-28T02:15:03Z",
});

function marcusPlace(lessonsCompleted: number): Enrollment {
  return {
    id: "enr_7K4BTD1X",
    enrolledAt: onTheDay("07:26"),
    progressPercent: Math.floor((lessonsCompleted * 100) / 12),
    lessonsCompleted,
    origin: "purchase",
    orderId: marcusOrder.id,
    expiresAt: null,
    completedAt: null,
  };
}

const priyasPlace: Enrollment = {
  id: "enr_9Z6RVH3G",
  enrolledAt: "2026-07-19T15:44:10Z",
  progressPercent: 100,
  lessonsCompleted: 12,
  origin: "gift",
  orderId: null,
  expiresAt: "2027-07-19T15:44:10Z",
  completedAt: onTheDay("09:15"),
};

const noorsPlace: Enrollment = {
  id: "enr_1C8WNM5P",
  enrolledAt: onTheDay("13:42"),
  progressPercent: 0,
  lessonsCompleted: 0,
  origin: "purchase",
  orderId: noorsOrder.id,
  expiresAt: null,
  completedAt: null,
};

const marcusDay: readonly ScenarioStep[] = [
  step("07:10", "customer.created", { customer: marcus, origin: "Free lighting guide" }),
  step("07:25", "order.completed", { order: marcusOrder, customer: marcus }),
  step(
    "07:26",
    "enrollment.created",
    { course, enrollment: marcusPlace(0), customer: marcus },
    courseChannel,
  ),
  step(
    "08:40",
    "lesson.completed",
    { lesson: lookingFirst, course, enrollment: marcusPlace(1), customer: marcus },
    courseChannel,
  ),
  step(
    "10:10",
    "lesson.completed",
    { lesson: hardLight, course, enrollment: marcusPlace(2), customer: marcus },
    courseChannel,
  ),
  step("15:05", "order.refunded", {
    refund: {
      id: "ref_2D7LXP4N",
      kind: "partial",
      amount: usd(2500),
      reason: "product_problem",
      note: "The presets need a newer version of the editor than he has.",
      refundedTotal: usd(2500),
      lineIds: ["lin_2D7LXP4N_2"],
      refundedAt: onTheDay("15:05"),
    },
    order: marcusOrder,
    customer: marcus,
  }),
  step(
    "16:00",
    "lesson.completed",
    { lesson: gettingCloser, course, enrollment: marcusPlace(3), customer: marcus },
    courseChannel,
  ),
  step(
    "16:00",
    "course.milestone_reached",
    {
      milestone: { id: "mil_1R9GWPK5_25", name: "You can see light", percent: 25 },
      course,
      enrollment: marcusPlace(3),
      customer: marcus,
    },
    courseChannel,
  ),
];

const priyasDay: readonly ScenarioStep[] = [
  step(
    "09:15",
    "lesson.completed",
    { lesson: editingASeries, course, enrollment: priyasPlace, customer: priya },
    courseChannel,
  ),
  step(
    "09:16",
    "course.milestone_reached",
    {
      milestone: { id: "mil_1R9GWPK5_100", name: "Course finished", percent: 100 },
      course,
      enrollment: priyasPlace,
      customer: priya,
    },
    courseChannel,
  ),
  step(
    "09:17",
    "certificate.earned",
    {
      certificate: {
        id: "crt_5X0DKG7J",
        number: "STREET-00231",
        url: "https://light-and-lens.example.com/certificates/STREET-00231",
        issuedAt: onTheDay("09:17"),
        expiresAt: null,
      },
      course,
      enrollment: priyasPlace,
      customer: priya,
    },
    courseChannel,
  ),
];

const othersDay: readonly ScenarioStep[] = [
  step("12:20", "chargeback.received", {
    chargeback: {
      id: "cbk_3U7YPL9E",
      amount: usd(14900),
      fee: usd(1500),
      reason: "fraudulent",
      reasonText: "10.4 Other fraud: card-absent environment",
      paymentId: "pay_8T5QBK1W",
      evidenceDueAt: "2026-11-11T23:59:59Z",
      receivedAt: onTheDay("12:18"),
    },
    customer: victor,
    order: victorsOrder,
  }),
  step("12:25", "customer.added_to_segment", { segment: disputed, customer: victor }),
  step("13:40", "payment.failed", {
    payment: {
      id: "pay_4B1SZQ6C",
      amount: usd(11920),
      provider: "stripe",
      method: "Visa ending in 0002",
      fee: null,
    },
    failure: {
      code: "card_declined",
      message: "Your card was declined.",
      attempt: 1,
      nextAttemptAt: null,
      updateUrl: null,
    },
    customer: noor,
    orderId: noorsOrder.id,
    subscription: null,
  }),
  step("13:41", "order.completed", { order: noorsOrder, customer: noor }),
  step("13:42", "enrollment.created", { course, enrollment: noorsPlace, customer: noor }, courseChannel),
  step("18:30", "order.refunded", {
    refund: {
      id: "ref_0F3MJZ8U",
      kind: "full",
      amount: usd(14900),
      reason: "customer_request",
      note: null,
      refundedTotal: usd(14900),
      lineIds: null,
      refundedAt: onTheDay("18:30"),
    },
    order: danasOrder,
    customer: dana,
  }),
];

export const photographyCourseSteps: readonly ScenarioStep[] = [...marcusDay, ...priyasDay, ...othersDay];

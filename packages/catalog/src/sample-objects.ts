import type { Course, Enrollment } from "./nouns/course.ts";
import type { Customer } from "./nouns/customer.ts";
import type { Money } from "./nouns/money.ts";
import type { Order } from "./nouns/order.ts";
import type { Product } from "./nouns/product.ts";
import type { Subscription } from "./nouns/subscription.ts";

/**
 * The objects the examples show: one small painting school, one customer, so that the sixteen examples read
 * as one story. The name has letters outside ASCII on purpose, as real names do, and every optional field is
 * written out so that an example shows all there is.
 */
export function eur(amount: number): Money {
  return { amount, currency: "EUR" };
}

export const sampleCustomer: Customer = {
  id: "cus_5TQ8ZC1N",
  email: "ana.kovac@example.com",
  name: "Ana Kovač",
  country: "HR",
  locale: "hr-HR",
  acceptsMarketing: true,
  createdAt: "2026-09-14T08:02:11Z",
};

const watercolourProduct: Product = {
  id: "prd_9D2LWR60",
  name: "Watercolour for Beginners",
  kind: "course",
  sku: "WC-101",
  url: "https://school.example.com/watercolour",
};

const brushGuideProduct: Product = {
  id: "prd_4H7KXA2V",
  name: "Brush Guide (PDF)",
  kind: "download",
  sku: "BG-PDF",
  url: "https://school.example.com/brush-guide",
};

export const sampleMembershipProduct: Product = {
  id: "prd_1M6EYS3B",
  name: "Studio Membership",
  kind: "membership",
  sku: "STUDIO",
  url: "https://school.example.com/studio",
};

export const sampleOrder: Order = {
  id: "ord_7X3MB0QK",
  number: "1042",
  lines: [
    {
      id: "lin_7X3MB0QK_1",
      product: watercolourProduct,
      quantity: 1,
      unitPrice: eur(4800),
      discount: eur(480),
      tax: eur(1080),
      total: eur(5400),
    },
    {
      id: "lin_7X3MB0QK_2",
      product: brushGuideProduct,
      quantity: 1,
      unitPrice: eur(800),
      discount: eur(80),
      tax: eur(180),
      total: eur(900),
    },
  ],
  subtotal: eur(5600),
  discount: eur(560),
  tax: eur(1260),
  total: eur(6300),
  coupon: { id: "cpn_2R8FJH5T", code: "AUTUMN10" },
  payment: {
    id: "pay_6W1VND9G",
    amount: eur(6300),
    provider: "stripe",
    method: "Visa ending in 4242",
    fee: eur(120),
  },
  subscriptionId: null,
  completedAt: "2026-10-05T17:31:40Z",
};

export const sampleSubscription: Subscription = {
  id: "sub_3K9PTU4C",
  status: "active",
  product: sampleMembershipProduct,
  plan: {
    id: "pln_8J5ZOE7A",
    name: "Studio, monthly",
    price: eur(1900),
    interval: "month",
    intervalCount: 1,
  },
  startedAt: "2026-10-12T09:00:00Z",
  currentPeriodStart: "2026-10-12T09:00:00Z",
  currentPeriodEnd: "2026-11-12T09:00:00Z",
  trialEndsAt: null,
  canceledAt: null,
  endsAt: null,
  cancelReason: null,
  cancelComment: null,
};

/** The order that pays the second month of `sampleSubscription`. */
export const sampleRenewalOrder: Order = {
  id: "ord_0C4RKY8S",
  number: "1117",
  lines: [
    {
      id: "lin_0C4RKY8S_1",
      product: sampleMembershipProduct,
      quantity: 1,
      unitPrice: eur(1520),
      discount: eur(0),
      tax: eur(380),
      total: eur(1900),
    },
  ],
  subtotal: eur(1520),
  discount: eur(0),
  tax: eur(380),
  total: eur(1900),
  coupon: null,
  payment: {
    id: "pay_5B7GQM2X",
    amount: eur(1900),
    provider: "stripe",
    method: "Visa ending in 4242",
    fee: eur(54),
  },
  subscriptionId: "sub_3K9PTU4C",
  completedAt: "2026-11-12T09:00:04Z",
};

export const sampleCourse: Course = {
  id: "crs_6N0SVI3L",
  name: "Watercolour for Beginners",
  url: "https://school.example.com/learn/watercolour",
  lessonCount: 8,
  productId: watercolourProduct.id,
};

/** The sample customer's place in the sample course after that many of its eight lessons. */
export function sampleEnrollment(lessonsCompleted: number, completedAt: string | null): Enrollment {
  return {
    id: "enr_2Y8AHF6D",
    enrolledAt: "2026-10-05T17:31:42Z",
    progressPercent: Math.floor((lessonsCompleted * 100) / 8),
    lessonsCompleted,
    origin: "purchase",
    orderId: sampleOrder.id,
    expiresAt: null,
    completedAt,
  };
}

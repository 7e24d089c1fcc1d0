import { type Accepted, choice, count, described, flag, id, label, objectOf, text, time } from "../schema.ts";
import { money } from "./money.ts";
import { product } from "./product.ts";

const plan = objectOf({
  description: "The plan: what is paid, and how often.",
  required: {
    id: id("Stable id of the plan."),
    name: label("Name of the plan as buyers see it."),
    price: described(money, "Price of one period."),
    interval: choice("Unit of the period.", ["day", "week", "month", "year"]),
    intervalCount: count("How many units a period has: 3 with month is quarterly.", { min: 1 }),
  },
});

const required = {
  id: id("Stable id of the subscription."),
  status: choice(
    "Where it stands: trialing and active give access, past_due means a payment is missing and is tried again.",
    ["trialing", "active", "past_due", "paused", "canceled"],
  ),
  product: described(product, "What is subscribed to."),
  plan,
  startedAt: time("When the subscription began, its trial included."),
  currentPeriodStart: time("When the period that is paid for, or the trial, began."),
  currentPeriodEnd: time("When that period ends and the next payment is due."),
};

const ending = {
  canceledAt: time("When the cancellation was decided."),
  endsAt: time("When access ends; in the future for a cancellation at the end of the period."),
  cancelReason: choice("Why it was canceled; other for anything that fits nothing else.", [
    "too_expensive",
    "not_using",
    "missing_features",
    "switched",
    "payment_failed",
    "trial_not_converted",
    "creator_decision",
    "other",
  ]),
};

const optional = {
  trialEndsAt: time("When the trial ends or ended; null when there was none."),
  cancelComment: text("The reason in the customer's own words."),
};

export const subscription = objectOf({
  description: "The subscription.",
  required,
  optional: { ...optional, ...ending },
});

export type Subscription = Accepted<typeof subscription>;

/** The same noun in the one event where it has certainly ended or been told to end. */
export const canceledSubscription = objectOf({
  description: "The subscription.",
  required: { ...required, ...ending },
  optional,
});

const trialFields = {
  id: id("Stable id of the trial."),
  product: described(product, "What is tried."),
  startedAt: time("When the trial began."),
  endsAt: time("When the trial ends or ended."),
};

const converted = flag("Whether the customer became a subscriber; null while the trial runs.");

export const trial = objectOf({
  description: "The trial.",
  required: trialFields,
  optional: { converted },
});

export type Trial = Accepted<typeof trial>;

/** The same noun in the one event where it is over, so that it is known what became of it. */
export const endedTrial = objectOf({
  description: "The trial.",
  required: { ...trialFields, converted },
});

import { type Accepted, count, matching, objectOf } from "../schema.ts";

/**
 * An amount of money. Never a decimal number: floats lose cents. Never negative: the name of the field says
 * which way the money goes. The currency is checked by form, not against the list of ISO 4217, which changes.
 */
export const money = objectOf({
  description: "An amount of money.",
  required: {
    amount: count(
      "In the smallest unit of the currency: cents for EUR and USD (4900 is 49.00), whole yen for JPY.",
      { min: 0 },
    ),
    currency: matching("^[A-Z]{3}$", "ISO 4217 code in capitals, such as EUR."),
  },
});

export type Money = Accepted<typeof money>;

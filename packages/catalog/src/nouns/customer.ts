import {
  type Accepted,
  choice,
  email,
  flag,
  id,
  label,
  matching,
  objectOf,
  orNull,
  time,
} from "../schema.ts";

/** What a customer may change about themselves; `customer.updated` names the old values of the same fields. */
export const customerDetails = {
  country: matching("^[A-Z]{2}$", "Country as ISO 3166-1 alpha-2 in capitals, such as DE."),
  locale: label("Preferred language as BCP 47, such as en or pt-BR."),
  acceptsMarketing: flag(
    "Whether the customer agreed to marketing e-mail. Absent or null means not known: do not take it for yes.",
  ),
};

/** The name is null for those who gave an e-mail address and nothing else, as newsletter readers do. */
export const customer = objectOf({
  description: "The customer.",
  required: {
    id: id("Stable id of the customer."),
    email: email("E-mail address. It can change; the id does not."),
    name: orNull(label("Name as the customer writes it, or null when not known.")),
  },
  optional: {
    ...customerDetails,
    createdAt: time("When the customer was first known."),
  },
});

export type Customer = Accepted<typeof customer>;

export const segment = objectOf({
  description: "The segment: a named set of customers.",
  required: {
    id: id("Stable id of the segment."),
    name: label("Name of the segment as the creator sees it."),
  },
  optional: {
    kind: choice("What the platform calls it: a tag, a list, or a segment computed by rules.", [
      "tag",
      "list",
      "segment",
    ]),
  },
});

export type Segment = Accepted<typeof segment>;

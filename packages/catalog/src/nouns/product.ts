import { type Accepted, choice, id, label, link, objectOf } from "../schema.ts";

export const product = objectOf({
  description: "The product.",
  required: {
    id: id("Stable id of the product."),
    name: label("Name of the product as buyers see it."),
  },
  optional: {
    kind: choice("What is sold; other for anything that fits nothing else.", [
      "course",
      "membership",
      "newsletter",
      "download",
      "coaching",
      "event",
      "bundle",
      "physical",
      "other",
    ]),
    sku: label("The creator's own article number, for accounting."),
    url: link("Public page of the product."),
  },
});

export type Product = Accepted<typeof product>;

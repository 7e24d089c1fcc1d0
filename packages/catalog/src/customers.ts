import { defineEventType } from "./event-type.ts";
import { customer, customerDetails, segment } from "./nouns/customer.ts";
import { described, email, label, objectOf } from "./schema.ts";
import { sampleCustomer } from "./sample-objects.ts";

export const customerCreated = defineEventType({
  name: "customer.created",
  group: "customers",
  sentence: "Someone new signs up",
  description: "A customer became known for the first time: by a sign-up, a purchase or an import.",
  data: objectOf({
    description: "The new customer.",
    required: { customer },
    optional: { origin: label("Where they came from, such as the name of a form or a checkout.") },
  }),
  example: {
    timestamp: "2026-09-14T08:02:11Z",
    data: { customer: sampleCustomer, origin: "Newsletter form" },
  },
  personFields: [
    { path: "/data/customer/name", label: "Customer", format: "text" },
    { path: "/data/customer/email", label: "Email", format: "text" },
    { path: "/data/customer/country", label: "Country", format: "text" },
    { path: "/data/origin", label: "Came from", format: "text" },
  ],
});

export const customerUpdated = defineEventType({
  name: "customer.updated",
  group: "customers",
  sentence: "Someone changes their details",
  description:
    "The e-mail address, the name or another detail of a customer changed; previous has the old values.",
  data: objectOf({
    description: "The customer as they are now, and what was there before.",
    required: { customer: described(customer, "The customer after the change.") },
    optional: {
      previous: objectOf({
        description:
          "The old values of the fields that changed, and only those; null for a field that was empty. Absent or null as a whole when not known.",
        required: {},
        optional: {
          email: email("The e-mail address before; lists keyed by e-mail need it to find the entry."),
          name: label("The name before."),
          ...customerDetails,
        },
        minProperties: 1,
      }),
    },
  }),
  example: {
    timestamp: "2026-10-30T12:40:09Z",
    data: {
      customer: { ...sampleCustomer, email: "ana@kovac-studio.example.com" },
      previous: { email: sampleCustomer.email },
    },
  },
  personFields: [
    { path: "/data/customer/name", label: "Customer", format: "text" },
    { path: "/data/customer/email", label: "Email", format: "text" },
    { path: "/data/previous/email", label: "Email before", format: "text" },
    { path: "/data/previous/name", label: "Name before", format: "text" },
  ],
});

export const customerAddedToSegment = defineEventType({
  name: "customer.added_to_segment",
  group: "customers",
  sentence: "Someone is added to a segment",
  description: "A customer got a tag, joined a list, or began to match the rules of a segment.",
  data: objectOf({
    description: "The segment and who was added.",
    required: { segment, customer: described(customer, "Who was added.") },
  }),
  example: {
    timestamp: "2026-10-05T17:32:00Z",
    data: {
      segment: { id: "seg_3Z7UKD1P", name: "Watercolour students", kind: "tag" },
      customer: sampleCustomer,
    },
  },
  personFields: [
    { path: "/data/customer/name", label: "Customer", format: "text" },
    { path: "/data/customer/email", label: "Email", format: "text" },
    { path: "/data/segment/name", label: "Segment", format: "text" },
  ],
});

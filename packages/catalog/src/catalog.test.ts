import { Ajv } from "ajv";
import addFormatsModule from "ajv-formats";
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, expectTypeOf, it } from "vitest";
import { eventGroups, eventTypes, findEventType, type CatalogEventType, type PayloadOf } from "./index.ts";
import {
  changed,
  isObjectWith,
  looseOf,
  placesOf,
  problemsOf,
  schemasIn,
  sumsOf,
} from "./testing/payloads.ts";

const NAME_PATTERN = /^[a-zA-Z0-9\-_.]+$/;

const all: readonly CatalogEventType[] = eventTypes;
const eachType = all.map((entry) => [entry.name, entry] as const);

/** Objects that are values, not things: they have no life of their own and therefore no id. */
const VALUES_WITHOUT_ID = /^payload$|\.data$|\.failure$|\.previous$/;

function exampleOf(name: string): unknown {
  return structuredClone(findEventType(name)!.example);
}

describe("the list", () => {
  it("has the sixteen event types of the design, in display order", () => {
    expect(all.map((entry) => entry.name)).toEqual([
      "order.completed",
      "order.refunded",
      "chargeback.received",
      "payment.failed",
      "subscription.created",
      "subscription.renewed",
      "subscription.canceled",
      "trial.started",
      "trial.ended",
      "customer.created",
      "customer.updated",
      "customer.added_to_segment",
      "enrollment.created",
      "lesson.completed",
      "certificate.earned",
      "course.milestone_reached",
    ]);
  });

  it("names event types and groups so that the API takes them", () => {
    for (const entry of all) expect(entry.name).toMatch(NAME_PATTERN);
    for (const group of eventGroups) expect(group.name).toMatch(NAME_PATTERN);
  });

  it("says nothing twice: names, sentences and descriptions are unique", () => {
    for (const key of ["name", "sentence", "description"] as const) {
      expect(new Set(all.map((entry) => entry[key])).size).toBe(all.length);
    }
  });

  it("keeps the types of a group together, in the order of the groups", () => {
    const runs = all.map((entry) => entry.group).filter((group, at, groups) => group !== groups[at - 1]);
    expect(runs).toEqual(eventGroups.map((group) => group.name));
  });

  it("finds a type by its exact name and nothing else", () => {
    for (const entry of all) expect(findEventType(entry.name)).toBe(entry);
    for (const name of ["", "order", "Order.completed", "order.completed ", "constructor", "__proto__"]) {
      expect(findEventType(name)).toBeUndefined();
    }
  });

  it("speaks to people in one plain sentence and to developers in one line", () => {
    for (const entry of all) {
      expect(entry.version).toBe("1");
      expect(entry.sentence).toMatch(/^(A|Someone) [a-z ]+[a-z]$/);
      expect(entry.description).toMatch(/^[A-Z].*\.$/);
      expect(entry.description.length).toBeLessThan(140);
    }
  });

  it("gives every payload a TypeScript type that follows its schema", () => {
    type Completed = PayloadOf<"order.completed">;
    expectTypeOf<Completed["type"]>().toEqualTypeOf<"order.completed">();
    expectTypeOf<Completed["data"]["order"]["total"]["amount"]>().toEqualTypeOf<number>();
    expectTypeOf<Completed["data"]["customer"]["name"]>().toEqualTypeOf<string | null>();
    expectTypeOf<Completed["data"]["customer"]["country"]>().toEqualTypeOf<string | null | undefined>();
    expectTypeOf<PayloadOf<"subscription.canceled">["data"]["when"]>().toEqualTypeOf<
      "scheduled" | "effective"
    >();
    expectTypeOf<PayloadOf<"trial.ended">["data"]["trial"]["converted"]>().toEqualTypeOf<boolean>();
    expectTypeOf<{ id: string }>().not.toExtend<Completed["data"]["customer"]>();
  });
});

describe.each(eachType)("the schema of %s", (name, entry) => {
  it("accepts the example", () => {
    expect(problemsOf(name, entry.example)).toEqual([]);
  });

  it("is plain JSON that refers to nothing outside or inside itself", () => {
    const written = JSON.stringify(entry.schema);
    expect(JSON.parse(written)).toEqual(entry.schema);
    expect(written).not.toMatch(/"\$(ref|defs|id|anchor|dynamicRef|dynamicAnchor)"/);
    expect(entry.schema.$schema).toBe("https://json-schema.org/draft/2020-12/schema");
    expect(entry.schema.title).toBe(name);
  });

  it("means the same to a Draft 7 validator", () => {
    const ajv = new Ajv({ strict: true });
    addFormatsModule.default(ajv);
    const { $schema, ...rest } = entry.schema;
    expect($schema).toBeDefined();
    expect(ajv.compile(rest)(entry.example)).toBe(true);
    expect(ajv.compile(rest)({ ...entry.example, data: {} })).toBe(false);
  });

  it("is the Standard Webhooks envelope", () => {
    expect(Object.keys(entry.schema.properties!)).toEqual(["type", "timestamp", "data"]);
    expect(entry.schema.required).toEqual(["type", "timestamp", "data"]);
    expect(entry.schema.properties!["type"]!.const).toBe(name);
  });

  it("describes every field and requires only fields it has", () => {
    for (const { at, schema } of schemasIn(entry.schema)) {
      expect(schema.description, at).toMatch(/\S.*\.$/);
      for (const key of schema.required ?? []) expect(schema.properties, at).toHaveProperty(key);
    }
  });

  it("gives every object a required id, except plain values", () => {
    for (const { at, schema } of schemasIn(entry.schema)) {
      const isMoney = schema.properties?.["currency"] !== undefined;
      if (schema.properties === undefined || isMoney || VALUES_WITHOUT_ID.test(at)) continue;
      expect(schema.required, at).toContain("id");
    }
  });

  it("refuses a payload that lacks a required field, at every level", () => {
    const required = placesOf(entry.schema, entry.example).filter(
      (place) => place.required && typeof place.path.at(-1) === "string",
    );
    expect(required.length).toBeGreaterThan(5);
    for (const { path } of required) {
      expect(problemsOf(name, changed(entry.example, path, undefined)), path.join(".")).not.toEqual([]);
    }
  });

  it("accepts a payload that lacks the optional fields, one by one and all at once", () => {
    const optional = placesOf(entry.schema, entry.example).filter((place) => !place.required);
    let least: unknown = entry.example;
    for (const { path } of optional.toReversed()) {
      // Of `previous`, at least one value has to stay: saying that something changed means saying what.
      if (path.includes("previous") && path.length > 2) continue;
      expect(problemsOf(name, changed(entry.example, path, undefined)), path.join(".")).toEqual([]);
      expect(problemsOf(name, changed(entry.example, path, null)), path.join(".")).toEqual([]);
      least = changed(least, path, undefined);
    }
    expect(problemsOf(name, least)).toEqual([]);
  });

  it("accepts unknown fields at every level, so that adding one breaks nobody", () => {
    for (const { path, value } of placesOf(entry.schema, entry.example)) {
      if (typeof value !== "object" || value === null || Array.isArray(value)) continue;
      const grown = changed({ root: entry.example }, ["root", ...path, "addedLater"], { any: [1, "two"] });
      expect(problemsOf(name, looseOf(grown)["root"]), path.join(".")).toEqual([]);
    }
  });

  it("refuses money that is not integer minor units with a currency code, wherever money stands", () => {
    for (const { path, value } of placesOf(entry.schema, entry.example)) {
      if (!isObjectWith(value, "currency")) continue;
      for (const wrong of [
        { ...value, amount: 49.5 },
        { ...value, amount: "4900" },
        { ...value, amount: -1 },
        { ...value, amount: 2 ** 53 },
        { ...value, currency: "eur" },
        { ...value, currency: "EURO" },
        { ...value, currency: "€" },
        { amount: value["amount"] },
        { currency: value["currency"] },
        value["amount"],
      ]) {
        expect(problemsOf(name, changed(entry.example, path, wrong)), JSON.stringify(wrong)).not.toEqual([]);
      }
    }
  });

  it("refuses ids that are not text and times that are not UTC, wherever they stand", () => {
    for (const { path, schema } of placesOf(entry.schema, entry.example)) {
      const wrongValues: unknown[] = [];
      if (path.at(-1) === "id") wrongValues.push(17, "", null, "x".repeat(257));
      if (schema.format === "date-time") {
        wrongValues.push("2026-10-05", "2026-10-05T17:31:40", "2026-10-05T19:31:40+02:00");
        wrongValues.push("2026-13-05T17:31:40Z", "yesterday", 1_791_221_500);
      }
      for (const wrong of wrongValues) {
        const problems = problemsOf(name, changed(entry.example, path, wrong));
        expect(problems, `${path.join(".")} = ${String(wrong)}`).not.toEqual([]);
      }
    }
  });

  it("refuses words outside a choice, and the payload of another type", () => {
    for (const { path, schema } of placesOf(entry.schema, entry.example)) {
      if (schema.enum === undefined) continue;
      expect(problemsOf(name, changed(entry.example, path, "no_such_word")), path.join(".")).not.toEqual([]);
    }
    for (const other of all) {
      if (other.name !== name) expect(problemsOf(name, other.example)).not.toEqual([]);
    }
  });

  it("is shown with an example that leaves no field out", () => {
    for (const { path, schema, value } of placesOf(entry.schema, entry.example)) {
      // `previous` names only what changed.
      if (schema.properties === undefined || value === null || path.at(-1) === "previous") continue;
      expect(Object.keys(looseOf(value)).toSorted(), path.join(".")).toEqual(
        Object.keys(schema.properties).toSorted(),
      );
    }
  });

  it("is shown with an example whose money adds up, in one currency", () => {
    for (const sum of sumsOf(entry.example)) expect(sum.parts).toBe(sum.total);
    const currencies = new Set(JSON.stringify(entry.example).match(/"currency":"[A-Z]+"/g));
    expect(currencies.size).toBeLessThanOrEqual(1);
  });
});

describe("what receivers may rely on", () => {
  const wrong: readonly (readonly [string, string, readonly (string | number)[], unknown])[] = [
    ["an order without lines", "order.completed", ["data", "order", "lines"], []],
    ["half a product", "order.completed", ["data", "order", "lines", 0, "quantity"], 0.5],
    ["no product at all", "order.completed", ["data", "order", "lines", 0, "quantity"], 0],
    ["an order number as a number", "order.completed", ["data", "order", "number"], 1042],
    ["a customer without an address", "order.completed", ["data", "customer", "email"], null],
    ["an address that is none", "customer.created", ["data", "customer", "email"], "ana.example.com"],
    ["an empty name", "customer.created", ["data", "customer", "name"], ""],
    ["a country in small letters", "customer.created", ["data", "customer", "country"], "hr"],
    ["consent as a word", "customer.created", ["data", "customer", "acceptsMarketing"], "yes"],
    ["a change of nothing", "customer.updated", ["data", "previous"], {}],
    ["a trial that ended undecided", "trial.ended", ["data", "trial", "converted"], null],
    ["a cancellation without an end", "subscription.canceled", ["data", "subscription", "endsAt"], null],
    ["a plan of zero months", "subscription.created", ["data", "subscription", "plan", "intervalCount"], 0],
    ["progress past the end", "lesson.completed", ["data", "enrollment", "progressPercent"], 101],
    ["progress below zero", "lesson.completed", ["data", "enrollment", "progressPercent"], -1],
    ["a fraction of a percent", "lesson.completed", ["data", "enrollment", "progressPercent"], 37.5],
    ["lesson zero", "lesson.completed", ["data", "lesson", "position"], 0],
    ["a certificate at no address", "certificate.earned", ["data", "certificate", "url"], "/WC-2026-0187"],
    ["a milestone at zero", "course.milestone_reached", ["data", "milestone", "percent"], 0],
    ["a list for an object", "order.refunded", ["data", "refund"], []],
    ["a number of the attempt as text", "payment.failed", ["data", "failure", "attempt"], "1"],
  ];

  it.each(wrong)("%s is refused", (_, name, path, value) => {
    expect(problemsOf(name, changed(exampleOf(name), path, value))).not.toEqual([]);
  });

  it("accepts null where there may be nothing to say", () => {
    const allowed: readonly (readonly [string, readonly string[]])[] = [
      ["customer.created", ["data", "customer", "name"]],
      ["payment.failed", ["data", "failure", "nextAttemptAt"]],
      ["chargeback.received", ["data", "chargeback", "evidenceDueAt"]],
    ];
    for (const [name, path] of allowed) {
      expect(problemsOf(name, changed(exampleOf(name), path, null))).toEqual([]);
      expect(problemsOf(name, changed(exampleOf(name), path, undefined))).not.toEqual([]);
    }
  });

  it("gives one noun the same fields everywhere", () => {
    const fieldsOf = new Map<string, string>();
    for (const entry of all) {
      for (const { at, schema } of schemasIn(entry.schema)) {
        if (schema.properties?.["id"] === undefined) continue;
        const noun = at.split(".").at(-1)!;
        const fields = Object.keys(schema.properties).toSorted().join(" ");
        expect(fields, `${entry.name} ${at}`).toBe(fieldsOf.get(noun) ?? fields);
        fieldsOf.set(noun, fields);
      }
    }
    expect([...fieldsOf.keys()]).toEqual(
      expect.arrayContaining(["customer", "order", "product", "subscription", "plan", "course"]),
    );
  });

  it("keeps examples small: far below the 20 kB that webhook receivers are advised to expect", () => {
    for (const entry of all) expect(JSON.stringify(entry.example).length).toBeLessThan(4_000);
  });
});

it("is data: the source imports only itself", () => {
  const files = readdirSync(import.meta.dirname, { recursive: true, encoding: "utf8" });
  const sources = files.filter(
    (file) => file.endsWith(".ts") && !file.endsWith(".test.ts") && !/^testing\b/.test(file),
  );
  expect(sources.length).toBeGreaterThan(10);
  for (const file of sources) {
    const source = readFileSync(`${import.meta.dirname}/${file}`, "utf8");
    for (const [, specifier] of source.matchAll(/\bfrom "([^"]+)"/g))
      expect(specifier, file).toMatch(/^\.\.?\//);
    expect(source, file).not.toMatch(/\bimport\(|\brequire\(|\bprocess\.|\bDate\b|Math\.random/);
  }
});

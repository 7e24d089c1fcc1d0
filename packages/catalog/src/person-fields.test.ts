import { describe, expect, it } from "vitest";
import { eventTypes, readPersonFields, type CatalogEventType, type JsonSchema } from "./index.ts";

const all: readonly CatalogEventType[] = eventTypes;

/** The schema that governs a person field's path. */
function schemaAt(schema: JsonSchema, path: string): JsonSchema | undefined {
  let at: JsonSchema | undefined = schema;
  for (const key of path.split("/").slice(1)) at = key === "*" ? at?.items : at?.properties?.[key];
  return at;
}

/** Whether a schema can hold what a format promises to show. */
function suits(format: string, schema: JsonSchema): boolean {
  const types: readonly string[] = typeof schema.type === "string" ? [schema.type] : schema.type;
  switch (format) {
    case "money":
      return schema.properties?.["amount"] !== undefined && schema.properties["currency"] !== undefined;
    case "date":
      return schema.format === "date-time";
    case "link":
      return schema.format === "uri";
    case "choice":
      return schema.enum !== undefined;
    case "yesNo":
      return types.includes("boolean");
    case "number":
      return types.includes("integer");
    case "percent":
      return types.includes("integer") && schema.minimum === 0 && schema.maximum === 100;
    default:
      return types.includes("string") && schema.format !== "date-time" && schema.enum === undefined;
  }
}

describe.each(all.map((entry) => [entry.name, entry] as const))("the person fields of %s", (_, entry) => {
  it("all have a value in the example, of the kind their format promises", () => {
    const shown = readPersonFields(entry.personFields, entry.example);
    const silent = entry.personFields.filter((field) => !shown.some((value) => value.label === field.label));
    // The example changes the address only; everything else the catalog names must be there to be seen.
    expect(silent.map((field) => field.path)).toEqual(
      entry.name === "customer.updated" ? ["/data/previous/name"] : [],
    );
    for (const field of entry.personFields) {
      const schema = schemaAt(entry.schema, field.path);
      expect(schema, field.path).toBeDefined();
      expect(suits(field.format, schema!), field.path).toBe(true);
    }
  });

  it("say first who it is about, and no label twice", () => {
    expect(entry.personFields[0]?.path).toBe("/data/customer/name");
    expect(entry.personFields[1]?.path).toBe("/data/customer/email");
    expect(new Set(entry.personFields.map((field) => field.label)).size).toBe(entry.personFields.length);
    for (const field of entry.personFields) expect(field.label).toMatch(/^[A-Z][a-z ]+$/);
  });
});

const field = (path: string) => [{ path, label: "Value", format: "text" }] as const;

describe("readPersonFields", () => {
  const orderFields = all.find((entry) => entry.name === "order.completed")!.personFields;

  it("reads values raw, in the order of the catalog, with several products in one line", () => {
    const example = all.find((entry) => entry.name === "order.completed")!.example;
    expect(readPersonFields(orderFields, example)).toEqual([
      { label: "Customer", format: "text", value: "Ana Kovač" },
      { label: "Email", format: "text", value: "ana.kovac@example.com" },
      { label: "Product", format: "text", value: "Watercolour for Beginners, Brush Guide (PDF)" },
      { label: "Total", format: "money", value: { amount: 6300, currency: "EUR" } },
      { label: "Order", format: "text", value: "1042" },
      { label: "Coupon", format: "text", value: "AUTUMN10" },
    ]);
  });

  it("leaves out what is absent, null, empty or of another kind", () => {
    const payload = {
      data: {
        customer: { name: null, email: "" },
        order: { lines: "none", total: { amount: "6300", currency: "EUR" }, number: 1042, coupon: null },
      },
    };
    expect(readPersonFields(orderFields, payload)).toEqual([]);
    for (const nothing of [undefined, null, 7, "text", [], {}]) {
      expect(readPersonFields(orderFields, nothing)).toEqual([]);
    }
  });

  it("shows a no as well as a yes, and a zero as well as a number", () => {
    const fields = [
      { path: "/yes", label: "Yes", format: "yesNo" },
      { path: "/percent", label: "Percent", format: "percent" },
    ] as const;
    expect(readPersonFields(fields, { yes: false, percent: 0 })).toEqual([
      { label: "Yes", format: "yesNo", value: false },
      { label: "Percent", format: "percent", value: 0 },
    ]);
  });

  it("reads JSON pointers as RFC 6901 has them, and no inherited property", () => {
    const payload = { "a/b": { "m~n": "escaped" }, list: ["zero", "one"], star: { "*": "a key" } };
    expect(readPersonFields(field("/a~1b/m~0n"), payload)[0]?.value).toBe("escaped");
    expect(readPersonFields(field("/list/1"), payload)[0]?.value).toBe("one");
    expect(readPersonFields(field("/list/2"), payload)).toEqual([]);
    expect(readPersonFields(field("/list/-1"), payload)).toEqual([]);
    expect(readPersonFields(field("/list/length"), payload)).toEqual([]);
    expect(readPersonFields(field("/constructor/name"), payload)).toEqual([]);
  });
});

import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { expect, test } from "vitest";
import { orderCompleted } from "../packages/catalog/src/purchases.ts";
import { NUMBER_DIGITS, ORDER_ID_PREFIX, PAYLOAD, readDigits, TIME_DIGITS, writeDigits } from "./event.ts";

test("the payload is an order.completed of the catalog, of 600 to 800 bytes", () => {
  expect(Buffer.byteLength(PAYLOAD)).toBeGreaterThan(600);
  expect(Buffer.byteLength(PAYLOAD)).toBeLessThan(800);
  const ajv = new Ajv2020({ allErrors: true });
  addFormats.default(ajv);
  const valid = ajv.validate(orderCompleted.schema, JSON.parse(PAYLOAD));
  expect(ajv.errorsText()).toBe("No errors");
  expect(valid).toBe(true);
});

test("what is written into the order id is read back, and stays JSON", () => {
  const bytes = Buffer.from(PAYLOAD);
  const at = bytes.indexOf(ORDER_ID_PREFIX) + ORDER_ID_PREFIX.length;
  writeDigits(bytes, at, TIME_DIGITS, 1_732_372_839_123_456);
  writeDigits(bytes, at + TIME_DIGITS, NUMBER_DIGITS, 42);
  expect(readDigits(bytes, at, TIME_DIGITS)).toBe(1_732_372_839_123_456);
  expect(readDigits(bytes, at + TIME_DIGITS, NUMBER_DIGITS)).toBe(42);
  expect(JSON.parse(bytes.toString()).data.order.id).toBe("ord_17323728391234560000000042");
});

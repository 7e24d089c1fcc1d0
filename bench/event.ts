/**
 * The event every subject is sent: an order of a course platform, about 600 bytes, as the catalog has it.
 * The order id carries when the event was sent and its running number, both of fixed width: the sender
 * patches bytes instead of serializing, the sink reads them back without parsing JSON.
 */
export const TIME_DIGITS = 16;
export const NUMBER_DIGITS = 10;
export const EVENT_TYPE = "order.completed";
export const ORDER_ID_PREFIX = '"ord_';

const PLACEHOLDER = "0".repeat(TIME_DIGITS + NUMBER_DIGITS);

export const PAYLOAD = JSON.stringify({
  type: EVENT_TYPE,
  timestamp: "2026-10-05T17:31:40Z",
  data: {
    order: {
      id: `ord_${PLACEHOLDER}`,
      number: "1042",
      lines: [
        {
          id: "lin_7X3MB0QK_1",
          product: {
            id: "prd_9D2LWR60",
            name: "Watercolour for Beginners",
            kind: "course",
            url: "https://school.example.com/watercolour",
          },
          quantity: 1,
          total: { amount: 5400, currency: "EUR" },
        },
      ],
      total: { amount: 5400, currency: "EUR" },
      payment: { id: "pay_6W1VND9G", amount: { amount: 5400, currency: "EUR" }, provider: "stripe" },
      completedAt: "2026-10-05T17:31:40Z",
    },
    customer: { id: "cus_5TQ8ZC1N", email: "ana.kovac@example.com", name: "Ana Kovač", country: "HR" },
  },
});

/** `value` in decimal, right-aligned over the `digits` bytes at `offset`. */
export function writeDigits(bytes: Buffer, offset: number, digits: number, value: number): void {
  let rest = value;
  for (let at = offset + digits - 1; at >= offset; at -= 1) {
    const next = Math.floor(rest / 10);
    bytes[at] = 48 + (rest - next * 10);
    rest = next;
  }
}

export function readDigits(bytes: Buffer, offset: number, digits: number): number {
  let value = 0;
  for (let at = offset; at < offset + digits; at += 1) value = value * 10 + (bytes[at]! - 48);
  return value;
}

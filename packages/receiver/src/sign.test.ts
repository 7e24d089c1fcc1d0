import { createHmac } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatSecret, sign, WebhookUsageError } from "./index.ts";
import { createSigner, signingKeyFromSeed } from "./node.ts";
import { untyped } from "./testing/untyped.ts";
import { vectorA, vectorB, vectorC, vectors } from "./testing/vectors.ts";

const good = {
  secrets: vectorA.signingSecret,
  id: vectorA.id,
  timestamp: vectorA.timestamp,
  body: vectorA.body,
};

test.each(vectors)("sign reproduces vector $name, from text, bytes and an ArrayBuffer", async (vector) => {
  const { signingSecret: secrets, id, timestamp, signature } = vector;
  const bytes = new TextEncoder().encode(vector.body);
  expect(await sign({ secrets, id, timestamp, body: vector.body })).toBe(signature);
  expect(await sign({ secrets: [secrets], id, timestamp, body: bytes })).toBe(signature);
  expect(await sign({ secrets, id, timestamp, body: bytes.buffer })).toBe(signature);
});

test.each(vectors)("the Node signer reproduces vector $name, from text and bytes", (vector) => {
  const signer = createSigner([vector.signingSecret]);
  expect(signer.sign(vector.id, vector.timestamp, vector.body)).toBe(vector.signature);
  expect(signer.sign(vector.id, vector.timestamp, Buffer.from(vector.body))).toBe(vector.signature);
  expect(signer.sign(vector.id, vector.timestamp, new TextEncoder().encode(vector.body))).toBe(
    vector.signature,
  );
});

test("several secrets give one signature each, in their order, v1 and v1a mixed", async () => {
  const secrets = [vectorC.signingSecret, vectorB.signingSecret, vectorA.signingSecret];
  const value = await sign({ ...good, secrets });
  const parts = value.split(" ");
  expect(parts).toHaveLength(3);
  expect(parts[0]).toBe(vectorC.signature);
  expect(parts[1]).toMatch(/^v1,/);
  expect(parts[2]).toBe(vectorA.signature);
  expect(createSigner(secrets).sign(good.id, good.timestamp, good.body)).toBe(value);
});

test("a secret signs the same with and without its prefix, and with and without padding", async () => {
  const padded = formatSecret(new Uint8Array(25).fill(3));
  expect(padded).toMatch(/==$/);
  const forms = [padded, padded.slice(0, -1), padded.slice(0, -2), padded.slice("whsec_".length)];
  const values = await Promise.all(forms.map((secrets) => sign({ ...good, secrets })));
  expect(new Set(values).size).toBe(1);
});

test("a part of a larger buffer is signed as that part", async () => {
  const large = Buffer.from(`xx${good.body}yy`);
  const part = large.subarray(2, -2);
  expect(await sign({ ...good, body: part })).toBe(vectorA.signature);
});

describe("what a receiver would refuse is not signed", () => {
  const ids = ["", "msg.1", "msg 1", "msg\n1", "mßg", "m".repeat(257), undefined];
  const timestamps = [
    1.5,
    -1,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    1_614_265_330_000,
    "1614265330",
    undefined,
  ];

  test.each(ids)("the id %j", async (id) => {
    const input = { ...good, id: untyped(id, "") };
    await expect(sign(input)).rejects.toMatchObject({ code: "sign_id_invalid" });
    expect(() => createSigner([good.secrets]).sign(input.id, good.timestamp, good.body)).toThrow(
      WebhookUsageError,
    );
  });

  test.each(timestamps)("the timestamp %j", async (timestamp) => {
    const input = { ...good, timestamp: untyped(timestamp, 0) };
    await expect(sign(input)).rejects.toMatchObject({ code: "sign_timestamp_invalid" });
    expect(() => createSigner([good.secrets]).sign(good.id, input.timestamp, good.body)).toThrow(
      WebhookUsageError,
    );
  });

  test("a body that is neither text nor bytes", async () => {
    for (const body of [{ test: 1 }, null, undefined, 42, [1]]) {
      const input = { ...good, body: untyped(body, "") };
      await expect(sign(input)).rejects.toMatchObject({ code: "sign_body_invalid" });
      expect(() => createSigner([good.secrets]).sign(good.id, good.timestamp, input.body)).toThrow();
      expect(() => createSigner([vectorC.signingSecret]).sign(good.id, good.timestamp, input.body)).toThrow();
    }
  });
});

test("both signers agree for any key, id, time and body, also text with lone surrogates", async () => {
  const id = fc.string({ minLength: 1, maxLength: 64 }).filter((text) => /^[!-\-/-~]+$/.test(text));
  const body = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.string({ unit: fc.integer({ min: 0, max: 0xff_ff }).map((code) => String.fromCharCode(code)) }),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ minLength: 24, maxLength: 64 }),
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      id,
      fc.nat(2 ** 31),
      body,
      async (key, seed, messageId, timestamp, content) => {
        const secrets = [formatSecret(key), signingKeyFromSeed(seed)];
        expect(createSigner(secrets).sign(messageId, timestamp, content)).toBe(
          await sign({ secrets, id: messageId, timestamp, body: content }),
        );
      },
    ),
    { numRuns: 200 },
  );
});

test("the prepared HMAC is createHmac's, at every length of key and content around a block, and after a long one", () => {
  const id = "msg_1";
  const expected = (key: Uint8Array, body: Uint8Array): string =>
    `v1,${createHmac("sha256", key).update(`${id}.1.`).update(body).digest("base64")}`;
  const contents = [100_000, ...Array.from({ length: 140 }, (_, length) => length)].map((length) =>
    Uint8Array.from({ length }, (_, index) => index * 7),
  );
  for (let length = 24; length <= 75; length++) {
    const key = Uint8Array.from({ length }, (_, index) => 255 - index);
    const signer = createSigner([formatLongSecret(key)]);
    for (const body of contents) expect(signer.sign(id, 1, body)).toBe(expected(key, body));
  }
});

test("bytes in another view than a Uint8Array are refused, not signed as if they were none", () => {
  const signer = createSigner([good.secrets]);
  for (const body of [new Uint16Array(4), new DataView(new ArrayBuffer(4)), new ArrayBuffer(4)]) {
    expect(() => signer.sign(good.id, good.timestamp, untyped(body, ""))).toThrow(TypeError);
  }
});

/** Secrets longer than the standard's 64 bytes are taken, though none is made. */
function formatLongSecret(key: Uint8Array): string {
  return `whsec_${Buffer.from(key).toString("base64")}`;
}

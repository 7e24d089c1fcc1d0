import { inspect } from "node:util";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  createVerifier,
  formatSecret,
  publicKeyOf,
  sign,
  verify,
  WebhookUsageError,
  WebhookVerificationError,
  type HeadersInput,
  type VerifierOptions,
} from "./index.ts";
import { signingKeyFromSeed } from "./node.ts";
import { untyped } from "./testing/untyped.ts";
import { vectorA, vectorB, vectorC, vectors } from "./testing/vectors.ts";

const { id, timestamp, body, signature } = vectorA;
const GOOD = { "webhook-id": id, "webhook-timestamp": String(timestamp), "webhook-signature": signature };
const OPTIONS = { secrets: vectorA.verifyingSecret, now: () => timestamp * 1000 };

const check = (headers: HeadersInput, options: Partial<VerifierOptions> = {}) =>
  verify({ ...OPTIONS, ...options, headers, body });

async function refusal(result: Promise<unknown>): Promise<string> {
  try {
    await result;
  } catch (error) {
    if (!(error instanceof WebhookVerificationError)) throw error;
    expect(error).toMatchObject({ status: 400, name: "WebhookVerificationError" });
    return error.code;
  }
  throw new Error("accepted");
}

const signatureOf = (value: string) => ({ ...GOOD, "webhook-signature": value });
const timestampOf = (value: string) => ({ ...GOOD, "webhook-timestamp": value });

describe("vectors", () => {
  test.each(vectors)(
    "vector $name verifies and comes back as id, timestamp, bytes and JSON",
    async (vector) => {
      const verified = await verify({
        secrets: vector.verifyingSecret,
        now: () => vector.timestamp * 1000,
        headers: {
          "webhook-id": vector.id,
          "webhook-timestamp": String(vector.timestamp),
          "webhook-signature": vector.signature,
        },
        body: vector.body,
      });
      expect(verified.id).toBe(vector.id);
      expect(verified.timestamp).toBe(vector.timestamp);
      expect(new TextDecoder().decode(verified.body)).toBe(vector.body);
      expect(verified.json()).toEqual(JSON.parse(vector.body));
    },
  );
});

describe("headers", () => {
  const shapes: [string, HeadersInput][] = [
    ["a plain object", GOOD],
    [
      "upper case names",
      Object.fromEntries(Object.entries(GOOD).map(([name, value]) => [name.toUpperCase(), value])),
    ],
    ["Web Headers", new Headers(GOOD)],
    ["arrays as values", Object.fromEntries(Object.entries(GOOD).map(([name, value]) => [name, [value]]))],
    ["an array of pairs", Object.entries(GOOD)],
    [
      "a Map with names in mixed case",
      new Map(Object.entries(GOOD).map(([name, value]) => [`W${name.slice(1)}`, value])),
    ],
    ["only a get method", { get: (name: string) => new Headers(GOOD).get(name) }],
    ["an object with other and absent values", { ...GOOD, cookie: undefined, accept: ["a", "b"], host: "x" }],
    [
      "the names of Svix",
      { "Svix-Id": id, "Svix-Timestamp": String(timestamp), "Svix-Signature": signature },
    ],
    ["both families", { ...GOOD, "svix-id": "msg_x", "svix-timestamp": "1", "svix-signature": "v1,x" }],
    [
      "Svix's names whole beside one stray webhook-id",
      {
        "webhook-id": "other",
        "svix-id": id,
        "svix-timestamp": String(timestamp),
        "svix-signature": signature,
      },
    ],
  ];
  test.each(shapes)("are read from %s", async (_, headers) => {
    expect((await check(headers)).id).toBe(id);
  });

  test.each([
    ["webhook-id", "id_missing"],
    ["webhook-timestamp", "timestamp_missing"],
    ["webhook-signature", "signature_missing"],
  ])("without or with an empty %s are refused as %s", async (name, code) => {
    expect(await refusal(check({ ...GOOD, [name]: undefined }))).toBe(code);
    expect(await refusal(check({ ...GOOD, [name]: "" }))).toBe(code);
    expect(await refusal(check({ ...GOOD, [name]: [] }))).toBe(code);
    const headers = new Headers(GOOD);
    headers.delete(name);
    expect(await refusal(check(headers))).toBe(code);
  });

  test("are never taken from both families at once", async () => {
    const mixed = { "webhook-id": id, "svix-timestamp": String(timestamp), "svix-signature": signature };
    expect(await refusal(check(mixed))).toBe("timestamp_missing");
  });

  test("with two values for the id or the timestamp are refused", async () => {
    expect(await refusal(check({ ...GOOD, "webhook-id": [id, "msg_2"] }))).toBe("header_repeated");
    expect(await refusal(check({ ...GOOD, "Webhook-Timestamp": "1" }))).toBe("header_repeated");
  });

  test("may repeat the signature, as array or joined by a comma", async () => {
    await check({ ...GOOD, "webhook-signature": ["v1,AAAA", signature] });
    const headers = new Headers(GOOD);
    headers.append("webhook-signature", "v1,AAAA");
    await check(headers);
  });

  test.each([
    undefined,
    null,
    "webhook-id: x",
    42,
    ["webhook-id", id],
    [[1, 2]],
    { ...GOOD, "webhook-timestamp": timestamp },
  ])("in an unknown shape are refused: %j", async (headers) => {
    expect(await refusal(check(untyped<HeadersInput>(headers, GOOD)))).toBe("headers_invalid");
  });

  test.each(["msg.1", "msg 1", "mßg", "m".repeat(257)])(
    "with the ambiguous or unsafe id %j are refused",
    async (bad) => {
      expect(await refusal(check({ ...GOOD, "webhook-id": bad }))).toBe("id_invalid");
    },
  );
});

describe("timestamp", () => {
  const at = (seconds: number) => ({ now: () => (timestamp + seconds) * 1000 });

  test.each([-300, -1, 0, 1, 300])("is accepted when the clock says %i s later", async (seconds) => {
    await check(GOOD, at(seconds));
  });

  test("is refused as too old after 300 s, as too new before", async () => {
    expect(await refusal(check(GOOD, at(301)))).toBe("timestamp_too_old");
    expect(await refusal(check(GOOD, at(-301)))).toBe("timestamp_too_new");
    expect(await refusal(check(GOOD, at(-86_400)))).toBe("timestamp_too_new");
  });

  test("is judged by whole seconds, as the reference libraries do", async () => {
    await check(GOOD, at(300.999));
    expect(await refusal(check(GOOD, at(-300.001)))).toBe("timestamp_too_new");
  });

  test("may be further off with a larger tolerance, and not at all with 0", async () => {
    await check(GOOD, { ...at(3600), toleranceSeconds: 3600 });
    await check(GOOD, { ...at(0), toleranceSeconds: 0 });
    expect(await refusal(check(GOOD, { ...at(1), toleranceSeconds: 0 }))).toBe("timestamp_too_old");
  });

  test.each([
    "junk",
    `${timestamp}junk`,
    `${timestamp} `,
    ` ${timestamp}`,
    `${timestamp}.0`,
    `${timestamp}.5`,
    `-${timestamp}`,
    `+${timestamp}`,
    `0${timestamp}`,
    "1e9",
    "0x60379f72",
    "NaN",
    "Infinity",
    `${timestamp}000`,
    "9".repeat(400),
    "2021-02-25T15:02:10Z",
    "١٦١٤٢٦٥٣٣٠",
  ])("%j is refused as no whole number of seconds", async (text) => {
    expect(await refusal(check(timestampOf(text)))).toBe("timestamp_invalid");
  });

  test("a second more or less within the tolerance does not match the signature", async () => {
    expect(await refusal(check(timestampOf(String(timestamp + 1))))).toBe("signature_mismatch");
  });

  describe("without an own clock", () => {
    beforeEach(() => {
      vi.useFakeTimers({ toFake: ["Date"] });
    });
    afterEach(() => {
      vi.useRealTimers();
    });

    test("is compared with the system's clock, read at each call", async () => {
      const verifier = createVerifier({ secrets: vectorA.verifyingSecret });
      vi.setSystemTime((timestamp + 300) * 1000);
      await verifier.verify({ headers: GOOD, body });
      vi.setSystemTime((timestamp + 301) * 1000);
      expect(await refusal(verifier.verify({ headers: GOOD, body }))).toBe("timestamp_too_old");
    });
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, -1, "300"])(
    "a tolerance of %j is refused, never 'off'",
    (value) => {
      const create = () => createVerifier({ ...OPTIONS, toleranceSeconds: untyped(value, 0) });
      expect(create).toThrow(WebhookUsageError);
      expect(create).toThrow(expect.objectContaining({ code: "tolerance_invalid", status: 500 }));
    },
  );

  test.each([Number.NaN, undefined, "now"])("a clock that says %j lets nothing pass", async (value) => {
    await expect(check(GOOD, { now: () => untyped(value, 0) })).rejects.toMatchObject({
      code: "now_invalid",
    });
  });
});

describe("signatures", () => {
  const bare = signature.slice("v1,".length);

  test.each([
    ["wrong", "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="],
    ["empty", "v1,"],
    ["cut off", signature.slice(0, -10)],
    ["one character short", signature.slice(0, -1)],
    ["longer", `${signature}A`],
    ["followed by a second comma", `${signature},x`],
    ["in other letter case", signature.toLowerCase()],
    ["not base64", "v1,!!!!"],
  ])("a signature that is %s is refused", async (_, value) => {
    expect(await refusal(check(signatureOf(value)))).toBe("signature_mismatch");
  });

  test.each([
    ["an unknown version", `v2,${bare}`],
    ["a version in capitals", `V1,${bare}`],
    ["no version", bare],
    ["the other kind", vectorC.signature],
    ["nothing but spaces", "  "],
    ["nothing but the version", "v1"],
  ])("%s alone is refused as nothing the secrets can check", async (_, value) => {
    expect(await refusal(check(signatureOf(value)))).toBe("signature_unsupported");
  });

  test("one good among bad, unknown and malformed ones is enough, wherever it stands", async () => {
    const bad = `v1,${"A".repeat(43)}=`;
    await check(signatureOf(`${bad} v2,${bare} ${signature} ${bad}`));
    await check(signatureOf(`${signature} garbage , ,, v1 v1,`));
    await check(signatureOf(`v1, v1a, v3,x  ${signature}`));
    expect(await refusal(check(signatureOf(`${bad} v2,${bare} ${bad}`)))).toBe("signature_mismatch");
  });

  test("lists of 20 are read to the end; lists of more than 64 are refused", async () => {
    const bad = `v1,${"A".repeat(43)}=`;
    const list = (count: number) => `${Array.from({ length: count - 1 }, () => bad).join(" ")} ${signature}`;
    await check(signatureOf(list(20)));
    await check(signatureOf(list(64)));
    expect(await refusal(check(signatureOf(list(65))))).toBe("signatures_too_many");
  });

  test("any one of several secrets may match, of both kinds", async () => {
    const other = formatSecret(new Uint8Array(32).fill(9));
    const secrets = [other, vectorC.verifyingSecret, vectorA.verifyingSecret];
    await check(GOOD, { secrets });
    await check(signatureOf(vectorC.signature), { secrets });
    await check(signatureOf(`v1,AAAA v1a,AAAA ${vectorC.signature}`), { secrets });
    expect(await refusal(check(GOOD, { secrets: [other, vectorB.verifyingSecret] }))).toBe(
      "signature_mismatch",
    );
  });

  test("a v1 signature under the version v1a, and the reverse, is refused", async () => {
    const secrets = [vectorA.verifyingSecret, vectorC.verifyingSecret];
    expect(await refusal(check(signatureOf(`v1a,${bare}`), { secrets }))).toBe("signature_mismatch");
    const asymmetric = vectorC.signature.slice("v1a,".length);
    expect(await refusal(check(signatureOf(`v1,${asymmetric}`), { secrets }))).toBe("signature_mismatch");
  });

  test("a v1a signature that is wrong, cut off, unpadded or spelled another way is refused", async () => {
    const secrets = vectorC.verifyingSecret;
    const value = vectorC.signature;
    // "Ag==" and "Ah==" decode to the same byte.
    const respelled = value.replace(/Ag==$/, "Ah==");
    expect(respelled).not.toBe(value);
    const bad = ["v1a,", "v1a,AAAA", "v1a,!!", value.slice(0, -8), value.slice(0, -2), respelled];
    for (const entry of [...bad, value.replace("hnO3", "hnO4")]) {
      expect(await refusal(check(signatureOf(entry), { secrets }))).toBe("signature_mismatch");
    }
  });

  test("public bytes used as a shared secret verify nothing that was signed with the private key", async () => {
    const confused = `whsec_${vectorC.verifyingSecret.slice("whpk_".length)}`;
    expect(await refusal(check(signatureOf(vectorC.signature), { secrets: confused }))).toBe(
      "signature_unsupported",
    );
  });

  test("a secret without prefix or padding verifies what the whole one signed", async () => {
    for (const length of [24, 25, 26]) {
      const secret = formatSecret(new Uint8Array(length).fill(77));
      const value = await sign({ secrets: secret, id, timestamp, body });
      for (const form of [
        secret,
        secret.replace(/=+$/, ""),
        secret.replace(/=$/, ""),
        secret.replace("whsec_", ""),
      ]) {
        await check(signatureOf(value), { secrets: form });
      }
    }
  });

  test("nothing of the secret, the signature or the body is in the error", async () => {
    const error: unknown = await check(signatureOf("v1,c2VjcmV0LXNpZ25hdHVyZQ==")).catch(
      (reason: unknown) => reason,
    );
    const text = inspect(error);
    for (const part of ["c2VjcmV0", vectorA.verifyingSecret.slice(6), "2432232314", bare]) {
      expect(text).not.toContain(part);
    }
  });
});

const signed = async (content: Uint8Array | string) =>
  signatureOf(await sign({ secrets: vectorA.signingSecret, id, timestamp, body: content }));
const bytes = (...values: number[]) => Uint8Array.from(values);

describe("body", () => {
  test.each([
    ["empty", bytes()],
    ["with a byte order mark", bytes(0xef, 0xbb, 0xbf, 0x7b, 0x7d)],
    ["of invalid UTF-8", bytes(0xff, 0xfe, 0xc3, 0x28, 0x00, 0x80)],
    ["with dots", new TextEncoder().encode(".1614265330.{}.")],
    ["of 1 MiB", new Uint8Array(2 ** 20).fill(0xe9)],
  ])("%s verifies as bytes and comes back unchanged", async (_, content) => {
    const headers = await signed(content);
    for (const form of [content, content.buffer, Buffer.from(content), new DataView(content.buffer)]) {
      const verified = await verify({ ...OPTIONS, headers, body: untyped(form, content) });
      expect(Buffer.compare(verified.body, content)).toBe(0);
      expect(verified.body.buffer.byteLength).toBe(content.length);
    }
  });

  test("as text verifies as its UTF-8 bytes, byte order mark and line ends included", async () => {
    for (const text of ["", "\uFEFF{}", '{"name":"Zoë 🎓"}\r\n']) {
      const headers = await signed(new TextEncoder().encode(text));
      await verify({ ...OPTIONS, headers, body: text });
    }
  });

  test("bytes that decode to the same text are not the same body", async () => {
    const headers = await signed(bytes(0xff));
    expect(await refusal(verify({ ...OPTIONS, headers, body: bytes(0xfe) }))).toBe("signature_mismatch");
    expect(await refusal(verify({ ...OPTIONS, headers, body: "\uFFFD" }))).toBe("signature_mismatch");
  });

  test("that was serialized again does not verify", async () => {
    const again = JSON.stringify(JSON.parse(body));
    expect(await refusal(verify({ ...OPTIONS, headers: GOOD, body: again }))).toBe("signature_mismatch");
  });

  test.each([[{ test: 2_432_232_314 }], [undefined], [null], [42], [["a"]], [new ReadableStream()]])(
    "that was parsed or not read is refused with a hint: %s",
    async (parsed) => {
      const request = { ...OPTIONS, headers: GOOD, body: untyped(parsed, "") };
      expect(await refusal(verify(request))).toBe("body_not_raw");
    },
  );

  test("changed by the caller while it is verified comes back as it was verified", async () => {
    const content = new TextEncoder().encode(body);
    const pending = verify({ ...OPTIONS, headers: GOOD, body: content });
    content.fill(0);
    expect(new TextDecoder().decode((await pending).body)).toBe(body);
  });

  test.each([
    ["empty", bytes()],
    ["not JSON", new TextEncoder().encode("hello=world")],
    ["JSON cut off", new TextEncoder().encode('{"a":')],
    ["invalid UTF-8 inside JSON", bytes(0x22, 0xff, 0x22)],
  ])("%s makes json() fail with a code, not with a SyntaxError", async (_, content) => {
    const verified = await verify({ ...OPTIONS, headers: await signed(content), body: content });
    expect(() => verified.json()).toThrow(WebhookVerificationError);
    expect(() => verified.json()).toThrow(expect.objectContaining({ code: "json_invalid", status: 400 }));
  });

  test("with a byte order mark is JSON all the same", async () => {
    const content = bytes(0xef, 0xbb, 0xbf, 0x5b, 0x5d);
    const verified = await verify({ ...OPTIONS, headers: await signed(content), body: content });
    expect(verified.json()).toEqual([]);
  });
});

/** One bit inverted. */
const flip = (content: Uint8Array, bit: number): Uint8Array => {
  const changed = Uint8Array.from(content);
  const at = Math.floor(bit / 8) % changed.length;
  changed[at] = changed[at]! ^ (1 << (bit % 8));
  return changed;
};
/** As Latin-1, so that a header with an inverted bit stays as many characters. */
const flipText = (text: string, bit: number) =>
  Buffer.from(flip(Buffer.from(text, "latin1"), bit)).toString("latin1");

describe("for any key and bytes", () => {
  const message = fc.record({
    key: fc.uint8Array({ minLength: 24, maxLength: 64 }),
    seed: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    content: fc.uint8Array({ minLength: 1, maxLength: 200 }),
    time: fc.integer({ min: 1_000_000_000, max: 2_000_000_000 }),
    bit: fc.nat(),
  });
  const kinds = ["v1", "v1a"] as const;

  async function signedWith(
    kind: (typeof kinds)[number],
    made: { key: Uint8Array; seed: Uint8Array; content: Uint8Array; time: number },
  ) {
    const secret = kind === "v1" ? formatSecret(made.key) : signingKeyFromSeed(made.seed);
    const value = await sign({ secrets: secret, id, timestamp: made.time, body: made.content });
    return {
      secrets: kind === "v1" ? secret : publicKeyOf(secret),
      now: () => made.time * 1000,
      headers: { "webhook-id": id, "webhook-timestamp": String(made.time), "webhook-signature": value },
      body: made.content,
    };
  }

  test.each(kinds)("what is signed verifies and comes back unchanged (%s)", async (kind) => {
    await fc.assert(
      fc.asyncProperty(message, async (made) => {
        const verified = await verify(await signedWith(kind, made));
        expect(Buffer.compare(verified.body, made.content)).toBe(0);
      }),
    );
  });

  test.each(kinds)(
    "a change of any one bit of body, id, timestamp, signature or secret is refused (%s)",
    async (kind) => {
      await fc.assert(
        fc.asyncProperty(message, async (made) => {
          const good = await signedWith(kind, made);
          await refusal(verify({ ...good, body: flip(good.body, made.bit) }));
          for (const name of ["webhook-id", "webhook-timestamp", "webhook-signature"] as const) {
            await refusal(
              verify({
                ...good,
                headers: { ...good.headers, [name]: flipText(good.headers[name], made.bit) },
              }),
            );
          }
          const [prefix, base64 = ""] = good.secrets.split("_");
          const other = `${prefix}_${Buffer.from(flip(Buffer.from(base64, "base64"), made.bit)).toString("base64")}`;
          await refusal(verify({ ...good, secrets: other }));
        }),
      );
    },
  );
});

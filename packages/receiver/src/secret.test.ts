import { describe, expect, test } from "vitest";
import {
  createVerifier,
  formatSecret,
  publicKeyOf,
  sign,
  WebhookUsageError,
  type UsageErrorCode,
} from "./index.ts";
import { createSigner, signingKeyFromSeed } from "./node.ts";
import { untyped } from "./testing/untyped.ts";
import { vectorA, vectorC } from "./testing/vectors.ts";

const SHARED = vectorA.signingSecret;
const PRIVATE = vectorC.signingSecret;
const PUBLIC = vectorC.verifyingSecret;
const base64 = (bytes: number): string => Buffer.alloc(bytes, 7).toString("base64");

const signInput = { id: vectorA.id, timestamp: vectorA.timestamp, body: vectorA.body };

async function usageError(act: () => unknown): Promise<WebhookUsageError> {
  try {
    await act();
  } catch (error) {
    if (error instanceof WebhookUsageError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

/** Wrong whatever it is used for. */
const WRONG: readonly [what: string, secret: unknown, code: UsageErrorCode][] = [
  ["an empty secret", "", "secret_empty"],
  ["whsec_ alone", "whsec_", "secret_empty"],
  ["whsk_ alone", "whsk_", "secret_empty"],
  ["whpk_ alone", "whpk_", "secret_empty"],
  ["a secret that is not set", undefined, "secret_not_text"],
  ["a number", 42, "secret_not_text"],
  ["a line break at the end", `${SHARED}\n`, "secret_whitespace"],
  ["a space at the start", ` ${SHARED}`, "secret_whitespace"],
  ["a tab inside", SHARED.replace("r8G", "r8\tG"), "secret_whitespace"],
  ["only a space", " ", "secret_whitespace"],
  ["quotes around the secret", `"${SHARED}"`, "secret_not_base64"],
  ["URL-safe base64", `whsec_${"-_".repeat(20)}`, "secret_not_base64"],
  ["an unknown prefix", `whxx_${base64(32)}`, "secret_not_base64"],
  ["base64 with a lone last character", `whsec_${"A".repeat(33)}`, "secret_not_base64"],
  ["padding in the middle", `whsec_${"AA==".repeat(10)}`, "secret_not_base64"],
  ["a shared secret of 23 bytes", `whsec_${base64(23)}`, "secret_length"],
  ["a shared secret of 76 bytes", `whsec_${base64(76)}`, "secret_length"],
  ["a signing key of 63 bytes", `whsk_${base64(63)}`, "secret_length"],
  ["a signing key that is only the seed", `whsk_${base64(32)}`, "secret_length"],
  ["a public key of 31 bytes", `whpk_${base64(31)}`, "secret_length"],
  ["a public key of 64 bytes", `whpk_${base64(64)}`, "secret_length"],
];

describe.each(WRONG)("%s", (_, secret, code) => {
  const secrets = [untyped(secret, "")];

  test(`is refused as ${code} by both signers and by the verifier`, async () => {
    const errors = [
      await usageError(() => createSigner(secrets)),
      await usageError(() => sign({ ...signInput, secrets })),
      await usageError(() => createVerifier({ secrets })),
    ];
    expect(errors.map((error) => error.code)).toEqual([code, code, code]);
  });

  test("is not repeated in the error", async () => {
    const error = await usageError(() => createVerifier({ secrets }));
    const core = typeof secret === "string" ? secret.trim().replace(/^"?wh\w\w?\w?_/, "") : "";
    if (core.length > 4) expect(`${error.message} ${error.stack}`).not.toContain(core);
  });
});

describe("which secret is for what", () => {
  test("a whpk_ key is refused for signing", async () => {
    expect((await usageError(() => createSigner([PUBLIC]))).code).toBe("secret_is_public_key");
    expect((await usageError(() => sign({ ...signInput, secrets: PUBLIC }))).code).toBe(
      "secret_is_public_key",
    );
  });

  test("a whsk_ key is refused for verifying, so that no receiver ends up holding one", async () => {
    expect((await usageError(() => createVerifier({ secrets: PRIVATE }))).code).toBe("secret_is_signing_key");
  });

  test("an empty or missing list is refused", async () => {
    expect((await usageError(() => createSigner([]))).code).toBe("secrets_missing");
    expect((await usageError(() => createVerifier({ secrets: [] }))).code).toBe("secrets_missing");
    const missing = { secrets: untyped(undefined, "") };
    expect((await usageError(() => createVerifier(missing))).code).toBe("secrets_missing");
  });

  test("the error says which one of several secrets is wrong", async () => {
    const error = await usageError(() => createVerifier({ secrets: [SHARED, "whsec_"] }));
    expect(error.message).toMatch(/^Secret 2 of 2: /);
  });

  test("a signing key whose halves do not belong together is refused by both signers", async () => {
    const mixed = Buffer.from(PRIVATE.slice("whsk_".length), "base64");
    mixed.writeUInt8(mixed.readUInt8(63) ^ 1, 63);
    const secrets = [`whsk_${mixed.toString("base64")}`];
    expect((await usageError(() => createSigner(secrets))).code).toBe("secret_halves_differ");
    expect((await usageError(() => sign({ ...signInput, secrets }))).code).toBe("secret_halves_differ");
  });
});

describe("formatSecret", () => {
  test.each([24, 32, 64, 75])("writes %i bytes as a secret that signs and verifies", async (length) => {
    const secret = formatSecret(new Uint8Array(length).fill(200));
    expect(secret).toBe(`whsec_${Buffer.alloc(length, 200).toString("base64")}`);
    expect(await sign({ ...signInput, secrets: secret })).toBe(
      createSigner([secret]).sign(signInput.id, signInput.timestamp, signInput.body),
    );
  });

  test.each([0, 23, 76])("refuses %i bytes", async (length) => {
    expect((await usageError(() => formatSecret(new Uint8Array(length)))).code).toBe("secret_length");
  });
});

describe("publicKeyOf", () => {
  test("gives the whpk_ half of vector C", () => {
    expect(publicKeyOf(PRIVATE)).toBe(PUBLIC);
  });

  test.each([SHARED, PUBLIC])("refuses %s, which has no public half to give", async (secret) => {
    expect((await usageError(() => publicKeyOf(secret))).code).toBe("secret_not_signing_key");
  });
});

describe("signingKeyFromSeed", () => {
  test("gives the whsk_ key of vector C from its seed", () => {
    const seed = Buffer.from(PRIVATE.slice("whsk_".length), "base64").subarray(0, 32);
    expect(signingKeyFromSeed(seed)).toBe(PRIVATE);
  });

  test.each([0, 31, 33, 64])("refuses a seed of %i bytes", async (length) => {
    expect((await usageError(() => signingKeyFromSeed(new Uint8Array(length)))).code).toBe("secret_length");
  });
});

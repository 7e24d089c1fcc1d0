import * as fc from "fast-check";
import { Webhook as StandardWebhook } from "standardwebhooks";
import { Webhook as SvixWebhook } from "svix";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { formatSecret, sign, verify } from "./index.ts";
import { createSigner } from "./node.ts";

const NOW = 1_750_000_000;
const ID = "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk";

/** The other libraries read the system's clock, and bodies as text only. */
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: NOW * 1000 });
});
afterEach(() => {
  vi.useRealTimers();
});

const libraries = [
  ["standardwebhooks", StandardWebhook, "webhook-"],
  ["svix", SvixWebhook, "webhook-"],
  ["svix", SvixWebhook, "svix-"],
] as const;

const json = fc.json().filter((text) => text !== "");
const secret = fc.uint8Array({ minLength: 24, maxLength: 64 }).map((bytes) => formatSecret(bytes));

describe.each(libraries)("npm %s", (_, Webhook, family) => {
  const headers = (signature: string) => ({
    [`${family}id`]: ID,
    [`${family}timestamp`]: String(NOW),
    [`${family}signature`]: signature,
  });

  test(`accepts what both our signers sign (${family}*)`, async () => {
    await fc.assert(
      fc.asyncProperty(secret, secret, json, async (current, previous, body) => {
        const secrets = [previous, current];
        for (const signature of [
          createSigner(secrets).sign(ID, NOW, body),
          await sign({ secrets, id: ID, timestamp: NOW, body: new TextEncoder().encode(body) }),
        ]) {
          new Webhook(current).verify(body, headers(signature));
          new Webhook(previous).verify(Buffer.from(body), headers(signature));
        }
      }),
    );
  });

  test(`signs what we accept (${family}*)`, async () => {
    await fc.assert(
      fc.asyncProperty(secret, json, async (shared, body) => {
        const signature = new Webhook(shared).sign(ID, new Date(NOW * 1000), body);
        const verified = await verify({
          secrets: shared,
          headers: headers(signature),
          body: Buffer.from(body),
        });
        expect(verified.json()).toEqual(JSON.parse(body));
      }),
    );
  });

  test(`refuses what we sign with another secret (${family}*)`, () => {
    const signature = createSigner([formatSecret(new Uint8Array(24))]).sign(ID, NOW, "{}");
    const other = new Webhook(formatSecret(new Uint8Array(24).fill(1)));
    expect(() => other.verify("{}", headers(signature))).toThrow("No matching signature found");
  });
});

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  checkHeader,
  checkHeaders,
  CUSTOM_HEADERS_MAX,
  HEADER_NAME_MAX_LENGTH,
  HEADER_VALUE_MAX_LENGTH,
  isFramingHeader,
} from "./header-policy.ts";

describe("checkHeader", () => {
  it.each([
    "Authorization",
    "X-Api-Key",
    "X-Tenant",
    "x_custom",
    "Accept",
    "Accept-Language",
    "Idempotency-Key",
    "X-My.Header~1",
  ])("lets customers set %s", (name) => {
    expect(checkHeader(name, "some value")).toMatchObject({ ok: true });
  });

  it.each([
    "Host",
    "HOST",
    "Content-Length",
    "Transfer-Encoding",
    "Connection",
    "Keep-Alive",
    "TE",
    "Trailer",
    "Upgrade",
    "Expect",
    "Proxy-Authorization",
    "Proxy-Connection",
    "Cookie",
    "Set-Cookie",
    "Forwarded",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "Via",
    "Content-Type",
    "Content-Encoding",
    "Accept-Encoding",
    "User-Agent",
    "Webhook-Id",
    "webhook-signature",
    "Svix-Signature",
    "Posthaste-Anything",
    "X-Amz-Security-Token",
    "X-aws-ec2-metadata-token",
    "X-Goog-Api-Client",
    "Metadata",
    "Metadata-Flavor",
  ])("keeps %s for the sender", (name) => {
    expect(checkHeader(name, "x")).toMatchObject({ ok: false });
  });

  it.each([
    "",
    " ",
    "X Y",
    "X:",
    "X\r\nHost",
    "X\u0000",
    "Ä",
    "X\t",
    "(x)",
    "x".repeat(HEADER_NAME_MAX_LENGTH + 1),
  ])("refuses the name %j", (name) => {
    expect(checkHeader(name, "x")).toMatchObject({ ok: false });
  });

  it.each([
    "a\r\nHost: evil",
    "a\nb",
    "a\rb",
    "a\u0000b",
    "a\tb",
    "ä",
    "\u007f",
    " a",
    "a ",
    "😀",
    "a\u2028b",
  ])("refuses the value %j", (value) => {
    expect(checkHeader("X-Custom", value)).toMatchObject({ ok: false });
  });

  it("bounds the value", () => {
    expect(checkHeader("X-Custom", "v".repeat(HEADER_VALUE_MAX_LENGTH))).toMatchObject({ ok: true });
    expect(checkHeader("X-Custom", "v".repeat(HEADER_VALUE_MAX_LENGTH + 1))).toMatchObject({ ok: false });
  });

  it.each([
    "Authorization",
    "X-Api-Key",
    "apikey",
    "X-Auth-Token",
    "X-Auth-Key",
    "X-Access-Token",
    "X-Hook-Secret",
    "X-Password",
    "X-My-Signature",
    "X-Session-Cookie",
  ])("treats the value of %s as a secret", (name) => {
    expect(checkHeader(name, "x")).toEqual({ ok: true, sensitive: true });
  });

  it.each(["X-Tenant", "Accept", "X-Request-Source", "X-Author"])("shows the value of %s", (name) => {
    expect(checkHeader(name, "x")).toEqual({ ok: true, sensitive: false });
  });

  it("accepts nothing that could end a header line", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (name, value) => {
        if (!checkHeader(name, value).ok) return;
        expect(`${name}: ${value}`).toMatch(/^[!-9;-~]+: [ -~]*$/);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("checkHeaders", () => {
  it("names the secrets as they were written", () => {
    expect(checkHeaders({ "X-Tenant": "1", "X-API-Key": "2", Authorization: "3" })).toEqual({
      ok: true,
      sensitive: ["X-API-Key", "Authorization"],
    });
  });

  it("bounds the number and refuses one header in two spellings", () => {
    const many = Object.fromEntries(
      Array.from({ length: CUSTOM_HEADERS_MAX + 1 }, (_, i) => [`x-${i}`, "1"]),
    );
    expect(checkHeaders(many)).toMatchObject({ ok: false });
    expect(checkHeaders({ "X-A": "1", "x-a": "2" })).toMatchObject({ ok: false });
    expect(checkHeaders({ "X-A": "1", "X-B": "a\nb" })).toMatchObject({ ok: false });
  });
});

describe("isFramingHeader", () => {
  it("knows what decides where a request goes and ends", () => {
    expect(
      ["Host", "content-length", "Transfer-Encoding", "CONNECTION", "upgrade"].every(isFramingHeader),
    ).toBe(true);
    expect(["content-type", "webhook-id", "authorization"].some(isFramingHeader)).toBe(false);
  });
});

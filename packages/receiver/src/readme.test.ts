import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { usageErrorCodes, verificationErrorCodes } from "./errors.ts";
import { createWebhookRoute } from "./testing/readme/receive.ts";
import { createSignedHeaders } from "./testing/readme/send.ts";

const read = (path: string) => readFileSync(new URL(path, import.meta.url), "utf8");
const readme = read("../README.md");

test("the README's examples are the files that are checked and run here", () => {
  const examples = [...readme.matchAll(/^```ts\n(.*?)^```$/gms)].map((match) => match[1]);
  expect(examples).toEqual([read("./testing/readme/receive.ts"), read("./testing/readme/send.ts")]);
});

test("the README's receiver accepts what its sender signs, and answers 400 to anything else", async () => {
  const secret = `whsec_${"A".repeat(32)}`;
  const handled: unknown[] = [];
  const route = createWebhookRoute(secret, async (id, event) => {
    handled.push([id, event]);
  });
  const body = new TextEncoder().encode('{"type":"order.completed"}');
  const headers = createSignedHeaders(secret)("msg_1", Math.floor(Date.now() / 1000), body);
  const url = "https://example.com/webhooks";

  expect((await route(new Request(url, { method: "POST", headers, body }))).status).toBe(204);
  expect((await route(new Request(url, { method: "POST", headers, body: "{}" }))).status).toBe(400);
  expect((await route(new Request(url, { method: "POST", body }))).status).toBe(400);
  expect(handled).toEqual([["msg_1", { type: "order.completed" }]]);
});

test("the README's tables list exactly the error codes there are, in their order", () => {
  const listed = [...readme.matchAll(/^\| `(\w+)` \|/gm)].map((match) => match[1]);
  expect(listed).toEqual([...verificationErrorCodes, ...usageErrorCodes]);
});

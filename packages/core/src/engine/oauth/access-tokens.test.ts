import { generateKeyPairSync, verify } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { Events, OAuth2Server } from "oauth2-mock-server";
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import type { OauthConfig, ReceiverAccess } from "../../domain/receiver-access.ts";
import {
  failureOf,
  PUBLIC_RULES,
  responseOf,
  testEgress,
  testRuntime,
} from "../../egress/testing/test-egress.ts";
import { testServer } from "../../egress/testing/test-egress.ts";
import { reply } from "../../egress/testing/raw-server.ts";
import type { HttpEgress } from "../../egress/http-egress.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import { newEndpoint } from "../testing/new-entities.ts";
import { Receivers } from "../receivers.ts";

/** A token server that we did not write, real sockets, our own egress. */
const issuer = new OAuth2Server();
let asked: { body: Record<string, string>; headers: IncomingMessage["headers"] }[] = [];
beforeAll(async () => {
  await issuer.issuer.keys.generate("RS256");
  await issuer.start(0, "127.0.0.1");
  issuer.service.on(Events.BeforeResponse, (_response: unknown, request: IncomingMessage) => {
    asked.push({ body: { ...(request as { body?: object }).body }, headers: request.headers });
  });
});
beforeEach(() => void (asked = []));
afterAll(() => issuer.stop());

const tokenUrl = () => `http://127.0.0.1:${issuer.address().port}/token`;
const SECRET = "s3:cret&";

function config(changes: Partial<OauthConfig> = {}): OauthConfig {
  return {
    authMethod: "clientSecretPost",
    clientId: "posthaste",
    clientSecret: SECRET,
    jwt: null,
    tokenUrl: tokenUrl(),
    scopes: ["events", "more"],
    extraParams: { audience: "shop" },
    extraHeaders: { "x-tenant": "ana" },
    ...changes,
  };
}

/** A receiver that answers with what `statuses` says next, 200 after that, and what it was sent. */
async function receiver(statuses: number[] = []) {
  const tokens: string[] = [];
  const server = await testServer(({ socket, head }) => {
    tokens.push(/^authorization: bearer (.*)$/im.exec(head)?.[1]?.trim() ?? "");
    socket.write(reply(`${statuses.shift() ?? 200} X`));
  });
  return { url: server.url, tokens };
}

function sender(options: { egress?: HttpEgress; runtime?: Runtime } = {}) {
  const { egress = testEgress(), runtime = testRuntime } = options;
  const receivers = new Receivers({ egress, runtime });
  onTestFinished(() => receivers.abort());
  return (url: string, oauth: OauthConfig, deadlineMs = 5_000) => {
    const access: ReceiverAccess = { oauth, identity: null, serverCa: null };
    const endpoint = newEndpoint("ep_1", "app_1", { url, access });
    const headers = { "content-type": "application/json", Authorization: "Basic own" };
    return receivers.post({ url, headers, body: "{}", deadlineMs }, endpoint);
  };
}

/** A clock that a test moves. */
function movable(): { runtime: Runtime; pass: (ms: number) => void } {
  let ahead = 0;
  const { clock } = testRuntime;
  const moved = { now: () => clock.now() + ahead, monotonic: () => clock.monotonic() + ahead };
  return { runtime: { ...testRuntime, clock: moved }, pass: (ms) => void (ahead += ms) };
}

test("a request carries a token of the token server, in place of any other authorization; the next ones share it", async () => {
  const { url, tokens } = await receiver();
  const send = sender();
  await Promise.all([send(url, config()), send(url, config()), send(url, config())]);
  responseOf(await send(url, config()));
  expect(asked).toHaveLength(1);
  expect(asked[0]).toMatchObject({
    body: {
      grant_type: "client_credentials",
      client_id: "posthaste",
      client_secret: SECRET,
      scope: "events more",
      audience: "shop",
    },
    headers: { "x-tenant": "ana" },
  });
  expect(tokens).toHaveLength(4);
  expect(new Set(tokens).size).toBe(1);
  expect(tokens[0]).toMatch(/^ey[\w-]+\.[\w-]+\.[\w-]+$/);
});

test("HTTP Basic carries id and secret encoded as in a form", async () => {
  const { url } = await receiver();
  responseOf(await sender()(url, config({ authMethod: "clientSecretBasic" })));
  const [, credentials = ""] = asked[0]?.headers.authorization?.split(" ") ?? [];
  expect(Buffer.from(credentials, "base64").toString()).toBe("posthaste:s3%3Acret%26");
  expect(asked[0]?.body).not.toHaveProperty("client_secret");
});

const read = (part: string) => JSON.parse(Buffer.from(part, "base64url").toString());

test.each(["pem", "der"] as const)(
  "an assertion signed with a key in %s proves who we are",
  async (format) => {
    const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
    const secretBase64 = Buffer.from(privateKey.export({ format: format as "pem", type: "pkcs8" })).toString(
      "base64",
    );
    const jwt = { secretBase64, secretId: "k1", tokenExpirySecs: 60 };
    const { url } = await receiver();
    responseOf(await sender()(url, config({ authMethod: "clientSecretJwt", clientSecret: null, jwt })));
    const [head = "", claims = "", signature = ""] = asked[0]?.body["client_assertion"]?.split(".") ?? [];
    expect(read(head)).toEqual({ alg: "RS256", typ: "JWT", kid: "k1" });
    const { iat, exp, ...rest } = read(claims);
    expect(exp - iat).toBe(60);
    expect(rest).toEqual({
      iss: "posthaste",
      sub: "posthaste",
      aud: tokenUrl(),
      jti: expect.stringMatching(/^jti_\w{27}$/),
    });
    const signed = Buffer.from(`${head}.${claims}`);
    expect(verify("sha256", signed, publicKey, Buffer.from(signature, "base64url"))).toBe(true);
  },
);

test("a token is asked for again shortly before it expires", async () => {
  const { url } = await receiver();
  const { runtime, pass } = movable();
  const send = sender({ runtime });
  await send(url, config());
  pass(3_500_000);
  await send(url, config());
  expect(asked).toHaveLength(1);
  pass(50_000);
  await send(url, config());
  expect(asked).toHaveLength(2);
});

test("a change of the configuration asks for a new one", async () => {
  const { url } = await receiver();
  const send = sender();
  await send(url, config());
  await send(url, config({ scopes: ["other"] }));
  expect(asked.map(({ body }) => body["scope"])).toEqual(["events more", "other"]);
});

test("a known token that is refused is replaced once; a fresh one that is refused is the answer", async () => {
  const { url, tokens } = await receiver([200, 401, 200, 401, 401, 401]);
  issuer.service.on(Events.BeforeTokenSigning, unique);
  onTestFinished(() => void issuer.service.off(Events.BeforeTokenSigning, unique));
  const send = sender();
  expect(responseOf(await send(url, config())).statusCode).toBe(200);
  expect(responseOf(await send(url, config())).statusCode).toBe(200);
  expect(asked).toHaveLength(2);
  expect(responseOf(await send(url, config())).statusCode).toBe(401);
  expect(responseOf(await sender()(url, config())).statusCode).toBe(401);
  expect(tokens).toHaveLength(6);
  expect(tokens[1]).toBe(tokens[0]);
  expect(tokens[2]).not.toBe(tokens[1]);
});

let count = 0;
function unique(token: { payload: Record<string, unknown> }): void {
  token.payload["jti"] = String(++count);
}

test("without a token nothing is sent, and people read why", async () => {
  const { url, tokens } = await receiver();
  issuer.service.once(Events.BeforeResponse, (response: { statusCode: number; body: unknown }) => {
    response.statusCode = 401;
    response.body = { error: "invalid_client", error_description: "no such client" };
  });
  const refused = failureOf(await sender()(url, config()));
  expect(refused.errorClass).toBe("oauth_failed");
  expect(refused.message).toContain("401 (invalid_client: no such client)");
  expect(refused.message).not.toContain(SECRET);
  issuer.service.once(Events.BeforeResponse, (response: { body: unknown }) => {
    response.body = { access_token: "mac", token_type: "mac" };
  });
  expect(failureOf(await sender()(url, config())).message).toContain("Bearer");
  issuer.service.once(Events.BeforeResponse, (response: { body: unknown }) => {
    response.body = { access_token: "line\r\nbreak", token_type: "Bearer" };
  });
  expect(failureOf(await sender()(url, config())).message).toContain("no access_token");
  expect(tokens).toEqual([]);
});

test("the token URL is guarded, not followed elsewhere, and bounded in time and size", async () => {
  const { url, tokens } = await receiver();
  const guarded = failureOf(await sender({ egress: testEgress({ rules: PUBLIC_RULES }) })(url, config()));
  expect([guarded.errorClass, guarded.message]).toEqual(["oauth_failed", expect.stringContaining("private")]);
  const elsewhere = await testServer(
    ({ socket }) => void socket.write(reply("307 X", "", [`location: ${tokenUrl()}`])),
  );
  const redirected = failureOf(await sender()(url, config({ tokenUrl: elsewhere.url })));
  expect(redirected.message).toContain("307");
  const silent = await testServer(() => {});
  const late = failureOf(await sender()(url, config({ tokenUrl: silent.url }), 50));
  expect(late.errorClass).toBe("oauth_failed");
  const long = await testServer(({ socket }) => socket.write(reply("200 OK", `"${"x".repeat(40_000)}"`)));
  expect(failureOf(await sender()(url, config({ tokenUrl: long.url }))).message).toContain("too long");
  expect([asked, tokens]).toEqual([[], []]);
});

test("a stop cuts the request for a token", async () => {
  const { url } = await receiver();
  const silent = await testServer(() => {});
  const receivers = new Receivers({ egress: testEgress(), runtime: testRuntime });
  const access = { oauth: config({ tokenUrl: silent.url }), identity: null, serverCa: null };
  const endpoint = newEndpoint("ep_1", "app_1", { url, access });
  const outcome = receivers.post({ url, headers: {}, body: "{}", deadlineMs: 5_000 }, endpoint);
  receivers.abort();
  expect(failureOf(await outcome).errorClass).toBe("interrupted");
});

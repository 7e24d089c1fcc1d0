import { generateKeyPairSync } from "node:crypto";
import {
  EXPIRED_CERTIFICATE,
  GOOD_CERTIFICATE,
  OTHER_HOST_CERTIFICATE,
  TEST_CA,
} from "@posthaste/core/egress/testing/certificates";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { loadSvixContract } from "../../testing/svix-contract.ts";
import { startTestServer, type Reply, type TestServer } from "../../testing/test-server.ts";

let server: TestServer;
let app: string;
let endpoint: string;
let place: string;
beforeAll(async () => {
  server = await startTestServer();
});
beforeEach(async () => {
  server.answer = () => ({ status: 204 });
  app = await server.application();
  endpoint = await server.endpoint(app);
  place = `/api/v1/app/${app}/endpoint/${endpoint}`;
});
afterAll(() => server.close());

const contract = loadSvixContract();
const IDENTITY = `${GOOD_CERTIFICATE.cert}\n${GOOD_CERTIFICATE.key}`;
const OAUTH = {
  grantType: "clientCredentials",
  authMethod: "clientSecretPost",
  clientId: "posthaste",
  clientSecret: "hush-hush",
  tokenUrl: "https://auth.example.com/token",
  scopes: ["events"],
  extraParams: { audience: "shop", api_key: "hush-too" },
  extraHeaders: { "x-tenant": "ana" },
};

const rsa = (bits: number) =>
  Buffer.from(
    generateKeyPairSync("rsa", { modulusLength: bits }).privateKey.export({ format: "pem", type: "pkcs8" }),
  ).toString("base64");

async function call(method: string, path: string, body?: unknown): Promise<Reply> {
  const reply = await server.call(method, place + path, body === undefined ? {} : { body });
  if (reply.status < 300) {
    const answer = { status: reply.status, body: reply.text === "" ? undefined : reply.json };
    expect(contract?.faults(method, place + path, answer) ?? null).toBeNull();
  }
  return reply;
}

describe("OAuth towards an endpoint's receiver", () => {
  it("is set, shown without secrets, kept by changes of the endpoint, and taken away", async () => {
    expect((await call("GET", "/oauth")).status).toBe(404);
    expect((await call("GET", "/oauth-config")).json).toEqual({ enabled: false, config: null });
    expect((await call("PUT", "/oauth", OAUTH)).status).toBe(204);
    const { clientSecret: _hidden, ...open } = OAUTH;
    const shown = { ...open, extraParams: { audience: "shop", api_key: "[redacted]" } };
    expect((await call("GET", "/oauth")).json).toEqual(shown);
    expect((await call("GET", "/oauth-config")).json).toEqual({ enabled: true, config: shown });
    await server.call("PATCH", place, { body: { description: "changed" } });
    await server.call("PUT", place, { body: { url: "https://example.com/other" } });
    expect((await call("GET", "/oauth")).json).toEqual(shown);
    expect((await server.call("GET", place)).text).not.toContain("hush");
    expect((await call("DELETE", "/oauth")).status).toBe(204);
    expect((await call("GET", "/oauth")).status).toBe(404);
  });

  it("sends with a token of the token server, which no answer shows", async () => {
    server.answer = ({ url }) =>
      url === OAUTH.tokenUrl
        ? { status: 200, body: JSON.stringify({ access_token: "tok-1", token_type: "bearer" }) }
        : { status: 204 };
    await call("PUT", "/oauth", OAUTH);
    const before = server.posts.length;
    const body = { eventType: "a.b", payload: {} };
    const { json } = await server.call("POST", `${place}/msg/test-attempt`, { body });
    expect(json.status).toBe(0);
    const [asked, sent] = server.posts.slice(before);
    expect(asked?.url).toBe(OAUTH.tokenUrl);
    expect(sent?.headers["authorization"]).toBe("Bearer tok-1");
    const headers = await server.call(
      "GET",
      `/api/v1/app/${app}/msg/${json.msg.id}/attempt/${json.id}/headers`,
    );
    expect(headers.status).toBe(200);
    expect(headers.json.sensitive).toContain("authorization");
    expect(headers.text).not.toContain("tok-1");
  });

  it("fails the attempt with a reason when there is no token", async () => {
    server.answer = () => ({ status: 400, body: JSON.stringify({ error: "invalid_client" }) });
    await call("PUT", "/oauth", OAUTH);
    const body = { eventType: "a.b", payload: {} };
    const { json } = await server.call("POST", `${place}/msg/test-attempt`, { body });
    expect(json).toMatchObject({ status: 2, responseStatusCode: 0 });
    expect(json.response).toContain("400 (invalid_client)");
  });

  const { clientSecret: _none, ...withoutSecret } = OAUTH;
  const jwt = (secretBase64: string) => ({
    ...withoutSecret,
    authMethod: "clientSecretJwt",
    jwtParams: { secretBase64, signingAlgorithm: "RS256" },
  });

  it("takes a key that signs assertions", async () => {
    expect((await call("PUT", "/oauth", jwt(rsa(2_048)))).status).toBe(204);
    expect((await call("GET", "/oauth")).text).not.toContain("secret");
  });

  it.each([
    ["no body", {}, 422],
    ["no secret", withoutSecret, 422],
    ["no key", { ...withoutSecret, authMethod: "clientSecretJwt" }, 422],
    ["a key that is none", jwt("bm8ga2V5"), 422],
    ["a weak key", jwt(rsa(1_024)), 422],
    ["a key that takes too long to sign with", jwt(rsa(4_160)), 422],
    ["another grant", { ...OAUTH, grantType: "refreshToken", refreshToken: "r" }, 422],
    ["a scope with a space", { ...OAUTH, scopes: ["a b"] }, 422],
    ["an unknown method", { ...OAUTH, authMethod: "none" }, 422],
    ["a private token URL", { ...OAUTH, tokenUrl: "http://169.254.169.254/token" }, 400],
    ["a header of the connection", { ...OAUTH, extraHeaders: { host: "other" } }, 400],
  ])("refuses %s", async (_what, body, status) => {
    expect((await call("PUT", "/oauth", body)).status).toBe(status);
    expect((await call("GET", "/oauth")).status).toBe(404);
  });
});

describe("a client certificate", () => {
  it("is set, used, never shown, and taken away, beside what else is set", async () => {
    expect((await call("GET", "/mtls")).status).toBe(404);
    expect((await call("GET", "/mtls-config")).json).toEqual({ enabled: false, config: null });
    await call("PUT", "/oauth", OAUTH);
    expect((await call("PUT", "/mtls", { identity: IDENTITY })).status).toBe(204);
    expect((await call("GET", "/mtls")).json).toEqual({});
    expect((await call("GET", "/mtls-config")).json).toEqual({ enabled: true, config: {} });
    await call("DELETE", "/oauth");
    const before = server.posts.length;
    await server.call("POST", `${place}/msg/test-attempt`, { body: { eventType: "a.b", payload: {} } });
    expect(server.posts[before]?.tls).toMatchObject({ identity: IDENTITY, ca: null });
    expect((await call("DELETE", "/mtls")).status).toBe(204);
    expect((await call("GET", "/mtls-config")).json).toEqual({ enabled: false, config: null });
  });

  it.each([
    ["nothing", {}],
    ["no PEM", { identity: "x" }],
    ["no key", { identity: GOOD_CERTIFICATE.cert }],
    ["another one's key", { identity: GOOD_CERTIFICATE.cert + OTHER_HOST_CERTIFICATE.key }],
    ["an expired certificate", { identity: EXPIRED_CERTIFICATE.cert + EXPIRED_CERTIFICATE.key }],
  ])("is refused with 422: %s", async (_what, body) => {
    const { status, json, text } = await call("PUT", "/mtls", body);
    expect([status, json.detail[0]?.loc.at(-1)]).toEqual([422, "identity"]);
    expect(text).not.toContain("PRIVATE");
  });
});

describe("an authority of its own", () => {
  it("is set, shown, used, and taken away", async () => {
    expect((await call("GET", "/ca")).json).toEqual({ cert: null });
    expect((await call("PUT", "/ca", { cert: TEST_CA })).status).toBe(204);
    expect((await call("GET", "/ca")).json).toEqual({ cert: TEST_CA });
    const before = server.posts.length;
    await server.call("POST", `${place}/msg/test-attempt`, { body: { eventType: "a.b", payload: {} } });
    expect(server.posts[before]?.tls).toMatchObject({ identity: null, ca: TEST_CA });
    expect((await call("PUT", "/ca", {})).status).toBe(204);
    expect((await call("GET", "/ca")).json).toEqual({ cert: null });
  });

  it.each([{ cert: "" }, { cert: "x" }, { cert: GOOD_CERTIFICATE.cert }, { cert: 1 }])(
    "is refused with 422: %j",
    async (body) => {
      expect((await call("PUT", "/ca", body)).status).toBe(422);
    },
  );
});

it("lies sealed in the store and comes back as it was", async () => {
  await call("PUT", "/oauth", OAUTH);
  await call("PUT", "/mtls", { identity: IDENTITY });
  const [stored] = (await server.store.endpoints.listAll(app)).filter(({ id }) => id === endpoint);
  expect(stored?.access).toMatchObject({
    identity: IDENTITY,
    oauth: { clientSecret: "hush-hush" },
    serverCa: null,
  });
});

it("is nobody else's, and needs a key that may", async () => {
  const portal = await server.call("POST", `/api/v1/auth/app-portal-access/${app}`, {
    body: { capabilities: ["ViewBase"] },
  });
  for (const [method, path, body] of [
    ["GET", "/oauth", undefined],
    ["GET", "/oauth-config", undefined],
    ["PUT", "/oauth", OAUTH],
    ["DELETE", "/oauth", undefined],
    ["GET", "/mtls", undefined],
    ["GET", "/mtls-config", undefined],
    ["PUT", "/mtls", { identity: IDENTITY }],
    ["DELETE", "/mtls", undefined],
    ["GET", "/ca", undefined],
    ["PUT", "/ca", { cert: TEST_CA }],
  ] as const) {
    const options = body === undefined ? {} : { body };
    const at = place + path;
    expect((await server.call(method, at, { ...options, key: null })).status).toBe(401);
    expect((await server.call(method, at, { ...options, key: server.sandbox.key })).status).toBe(404);
    expect((await server.call(method, at.replace(endpoint, "none"), options)).status).toBe(404);
    expect((await server.call(method, at.replace(app, "none"), options)).status).toBe(404);
    if (method !== "GET") {
      expect((await server.call(method, at, { ...options, key: portal.json.token })).status).toBe(403);
    }
  }
});

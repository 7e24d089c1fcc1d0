import { createPrivateKey, type KeyObject, sign } from "node:crypto";
import { OAUTH_ASSERTION_LIFE_S, RSA_KEY_MAX_BITS } from "../../domain/limits.ts";
import type { OauthConfig, OauthJwt } from "../../domain/receiver-access.ts";
import { SECOND_MS } from "../../domain/time.ts";
import type { EgressRequest } from "../../egress/egress.ts";

const ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const RSA_BITS_MIN = 2_048;

/** The request for an access token (RFC 6749, 4.4.2). `jti`: unique, for an assertion. */
export function tokenRequest(
  config: OauthConfig,
  { now, jti }: { now: number; jti: string },
): Pick<EgressRequest, "url" | "headers" | "body"> {
  const { authMethod, clientId, clientSecret, jwt, scopes, tokenUrl } = config;
  const form = new URLSearchParams({ ...config.extraParams, grant_type: "client_credentials" });
  if (scopes !== null && scopes.length > 0) form.set("scope", scopes.join(" "));
  const headers: Record<string, string> = {
    ...lowerCased(config.extraHeaders ?? {}),
    "content-type": "application/x-www-form-urlencoded",
    accept: "application/json",
  };
  if (authMethod === "clientSecretBasic") {
    const credentials = `${formEncoded(clientId)}:${formEncoded(clientSecret ?? "")}`;
    headers["authorization"] = `Basic ${Buffer.from(credentials).toString("base64")}`;
  } else {
    form.set("client_id", clientId);
    if (authMethod === "clientSecretPost") form.set("client_secret", clientSecret ?? "");
    else {
      form.set("client_assertion_type", ASSERTION_TYPE);
      form.set("client_assertion", assertion(jwt, { clientId, tokenUrl, now, jti }));
    }
  }
  return { url: tokenUrl, headers, body: form.toString() };
}

/** Ours replace theirs, whatever case those are written in. */
function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

/** Throws an error whose message says what to change when the key cannot sign RS256. */
export function assertionKey(secretBase64: string): KeyObject {
  const bytes = Buffer.from(secretBase64, "base64");
  const key = readKey(bytes);
  if (key === null) throw new Error("Must be an RSA private key without a password: PEM or DER, in base64.");
  const { asymmetricKeyType, asymmetricKeyDetails } = key;
  const bits = asymmetricKeyDetails?.modulusLength ?? 0;
  if (asymmetricKeyType !== "rsa" || bits < RSA_BITS_MIN) {
    throw new Error(`RS256 needs an RSA key of at least ${RSA_BITS_MIN} bits.`);
  }
  if (bits > RSA_KEY_MAX_BITS) throw new Error(`The RSA key has more than ${RSA_KEY_MAX_BITS} bits.`);
  return key;
}

function readKey(bytes: Buffer): KeyObject | null {
  const forms = bytes.includes("-----BEGIN")
    ? [{ key: bytes, format: "pem" as const }]
    : (["pkcs8", "pkcs1"] as const).map((type) => ({ key: bytes, format: "der" as const, type }));
  for (const form of forms) {
    try {
      return createPrivateKey(form);
    } catch {
      // The next form.
    }
  }
  return null;
}

/** RFC 7523, 2.2, signed RS256. */
function assertion(
  jwt: OauthJwt | null,
  { clientId, tokenUrl, now, jti }: { clientId: string; tokenUrl: string; now: number; jti: string },
): string {
  const key = assertionKey(jwt?.secretBase64 ?? "");
  const iat = Math.floor(now / SECOND_MS);
  const exp = iat + (jwt?.tokenExpirySecs ?? OAUTH_ASSERTION_LIFE_S);
  const kid = jwt?.secretId ?? null;
  const header = { alg: "RS256", typ: "JWT", ...(kid === null ? {} : { kid }) };
  const claims = { iss: clientId, sub: clientId, aud: tokenUrl, jti, iat, exp };
  const text = [header, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
    .join(".");
  return `${text}.${sign("sha256", Buffer.from(text), key).toString("base64url")}`;
}

/** As in a form (RFC 6749, 2.3.1): credentials may hold a colon. */
function formEncoded(text: string): string {
  return new URLSearchParams({ v: text }).toString().slice(2);
}

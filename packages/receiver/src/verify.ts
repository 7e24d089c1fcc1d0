import { decodeBase64, encodeBase64 } from "./base64.ts";
import { systemNow } from "./clock.ts";
import { bodyBytes, contentPrefix, isMessageId, joinContent, parseTimestamp, type Body } from "./content.ts";
import { WebhookUsageError, WebhookVerificationError } from "./errors.ts";
import { readSignedHeaders, type HeadersInput } from "./headers.ts";
import { parseVerifyingSecrets, type PublicKey, type Secrets, type SharedSecret } from "./secret.ts";
import { ed25519Verify, hmac, importPublicKey, importSharedSecret } from "./webcrypto.ts";

/** What the libraries of Standard Webhooks use, into the past and into the future. */
const DEFAULT_TOLERANCE_SECONDS = 300;

export interface VerifierOptions {
  /** `whsec_` or `whpk_`. With several (during a rotation), any may match. */
  readonly secrets: Secrets;
  /** How far the timestamp may be from now, either way. Default 300. */
  readonly toleranceSeconds?: number | undefined;
  /** Milliseconds since the Unix epoch. Default: the system's clock. */
  readonly now?: (() => number) | undefined;
}

export interface WebhookRequest {
  readonly headers: HeadersInput;
  /** The body as it was received, before any parser. */
  readonly body: Body;
}

export interface VerifiedWebhook {
  /** The `webhook-id`: the same on every retry of one message, so it is the key to deduplicate by. */
  readonly id: string;
  /** The `webhook-timestamp`: Unix seconds of this attempt. */
  readonly timestamp: number;
  /** A copy of the bytes that were verified. */
  readonly body: Uint8Array<ArrayBuffer>;
  /** The body parsed as JSON; throws a `WebhookVerificationError` (`json_invalid`) if it is none. */
  json(): unknown;
}

export interface Verifier {
  /** Resolves if a signature matches; rejects with a `WebhookVerificationError` otherwise. */
  verify(request: WebhookRequest): Promise<VerifiedWebhook>;
}

/** Checks one request. Who checks many keeps a verifier, which imports its keys only once. */
export async function verify(input: VerifierOptions & WebhookRequest): Promise<VerifiedWebhook> {
  return createVerifier(input).verify(input);
}

/** Throws a `WebhookUsageError` at once if a secret or an option is wrong. */
export function createVerifier(options: VerifierOptions): Verifier {
  const secrets = parseVerifyingSecrets(options.secrets);
  const tolerance = options.toleranceSeconds ?? DEFAULT_TOLERANCE_SECONDS;
  // Also turns away Infinity: there is no way to switch the check off.
  if (!Number.isFinite(tolerance) || tolerance < 0) {
    throw new WebhookUsageError("tolerance_invalid", "toleranceSeconds is a number of seconds, 0 or more.");
  }
  const now = options.now ?? systemNow;
  const matchers = secrets.map(createMatcher);

  return {
    async verify(request) {
      const { id, timestamp: timestampText, signatures } = readSignedHeaders(request.headers);
      assertMessageId(id);
      const timestamp = assertTimestamp(timestampText, tolerance, now());
      const body = assertRaw(request.body);
      const prefix = contentPrefix(id, timestampText);
      const content = joinContent(prefix, body);
      await assertSigned(matchers, signatures, content);
      // From the verified copy: the caller's buffer may have been reused while the keys were at work.
      return createVerified(id, timestamp, content.slice(prefix.length));
    },
  };
}

function assertMessageId(id: string): void {
  if (!isMessageId(id)) {
    throw new WebhookVerificationError(
      "id_invalid",
      "The webhook-id is not 1 to 256 visible ASCII characters without a dot; a dot would make the signature " +
        "ambiguous. Ask the sender to change its ids.",
    );
  }
}

function assertTimestamp(text: string, toleranceSeconds: number, nowMs: number): number {
  const timestamp = parseTimestamp(text);
  if (timestamp === undefined) {
    throw new WebhookVerificationError(
      "timestamp_invalid",
      "The webhook-timestamp is not a whole number of Unix seconds. Has the sender put in milliseconds or a date?",
    );
  }
  // A clock that is not a number would make both comparisons below false, and let everything pass.
  if (!Number.isFinite(nowMs)) {
    throw new WebhookUsageError("now_invalid", "`now` did not return milliseconds since 1970 as a number.");
  }
  const age = Math.floor(nowMs / 1000) - timestamp;
  if (age > toleranceSeconds) {
    throw new WebhookVerificationError(
      "timestamp_too_old",
      `The webhook was signed ${age} s ago, more than the ${toleranceSeconds} s allowed. It is a replay, it waited ` +
        "too long before it was verified, or this machine's clock is ahead.",
    );
  }
  if (age < -toleranceSeconds) {
    throw new WebhookVerificationError(
      "timestamp_too_new",
      `The webhook was signed ${-age} s in the future, more than the ${toleranceSeconds} s allowed. Set this ` +
        "machine's clock (NTP); if it is right, the sender's is ahead.",
    );
  }
  return timestamp;
}

function assertRaw(body: Body): Uint8Array {
  const bytes = bodyBytes(body);
  if (bytes !== undefined) return bytes;
  throw new WebhookVerificationError(
    "body_not_raw",
    "The body is neither text nor bytes: it was parsed, or not read yet. Pass it as received, for example from " +
      "express.raw({ type: '*/*' }) or await request.arrayBuffer().",
  );
}

/** Checks the signatures of one version with one secret. */
interface Matcher {
  readonly version: Version;
  matchesAny(signatures: readonly string[], content: Uint8Array<ArrayBuffer>): Promise<boolean>;
}

type Version = "v1" | "v1a";

async function assertSigned(
  matchers: readonly Matcher[],
  entries: readonly string[],
  content: Uint8Array<ArrayBuffer>,
): Promise<void> {
  let checkable = false;
  for (const matcher of matchers) {
    const start = `${matcher.version},`;
    const signatures = entries
      .filter((entry) => entry.startsWith(start))
      .map((entry) => entry.slice(start.length));
    if (signatures.length === 0) continue;
    checkable = true;
    if (await matcher.matchesAny(signatures, content)) return;
  }
  if (!checkable) {
    const versions = [...new Set(matchers.map((matcher) => matcher.version))].join(" and ");
    throw new WebhookVerificationError(
      "signature_unsupported",
      `The webhook-signature header has no ${versions} signature, which the configured secrets need. Signatures of ` +
        "version v1 are checked with whsec_ secrets, those of v1a with whpk_ keys.",
    );
  }
  throw new WebhookVerificationError(
    "signature_mismatch",
    "No signature in the webhook-signature header matches. Check that the secret is the one of this endpoint and " +
      "environment, and that the body is the bytes as received: parsed and serialized again they differ.",
  );
}

/** The key is imported on first use and kept: importing is asynchronous, making a verifier is not. */
function createMatcher(secret: SharedSecret | PublicKey): Matcher {
  let imported: Promise<CryptoKey> | undefined;
  if (secret.kind === "shared") {
    return {
      version: "v1",
      async matchesAny(signatures, content) {
        imported ??= importSharedSecret(secret);
        const expected = encodeBase64(await hmac(await imported, content));
        return signatures.some((signature) => equalInConstantTime(signature, expected));
      },
    };
  }
  return {
    version: "v1a",
    async matchesAny(signatures, content) {
      imported ??= importPublicKey(secret);
      const key = await imported;
      for (const signature of signatures) {
        const bytes = decodeBase64(signature);
        // Exactly one spelling per signature, as for v1: base64 has bits that decoding throws away.
        if (bytes === undefined || encodeBase64(bytes) !== signature) continue;
        if (await ed25519Verify(key, bytes, content)) return true;
      }
      return false;
    },
  };
}

/** Takes the same time wherever two texts of one length differ; their length is no secret. */
function equalInConstantTime(left: string, right: string): boolean {
  if (left.length !== right.length) return false;
  let difference = 0;
  for (let at = 0; at < left.length; at++) difference |= left.charCodeAt(at) ^ right.charCodeAt(at);
  return difference === 0;
}

function createVerified(id: string, timestamp: number, body: Uint8Array<ArrayBuffer>): VerifiedWebhook {
  return { id, timestamp, body, json: () => parseJson(body) };
}

function parseJson(body: Uint8Array<ArrayBuffer>): unknown {
  try {
    // Drops a byte order mark, and refuses bytes that are not UTF-8 instead of replacing them.
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch (cause) {
    throw new WebhookVerificationError(
      "json_invalid",
      "The signature matches, but the body is not JSON in UTF-8. If that is expected, read `body` instead of `json()`.",
      { cause },
    );
  }
}

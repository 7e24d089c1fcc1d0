import {
  OAUTH_ERROR_MAX_CHARS,
  OAUTH_TOKEN_LIFE_DEFAULT_MS,
  OAUTH_TOKEN_LIFE_MAX_MS,
  OAUTH_TOKEN_MARGIN_MAX_MS,
  OAUTH_TOKEN_MARGIN_PART,
} from "../../domain/limits.ts";
import { SECOND_MS } from "../../domain/time.ts";
import type { EgressOutcome } from "../../egress/egress.ts";
import { type Failure, failure } from "../../egress/failure.ts";

export type TokenAnswer =
  | {
      readonly ok: true;
      readonly token: string;
      /** How long it is used: its life less a margin. */
      readonly usableMs: number;
    }
  | { readonly ok: false; readonly failure: Failure };

/** What a token server answered (RFC 6749, 5.1 and 5.2). */
export function readTokenAnswer(outcome: EgressOutcome): TokenAnswer {
  if (outcome.kind === "failure") {
    if (outcome.errorClass === "interrupted") return { ok: false, failure: outcome };
    return refuse(
      `${outcome.errorClass}: ${outcome.detail}`,
      `The token server could not be asked. ${outcome.message}`,
    );
  }
  const { statusCode } = outcome;
  const body = outcome.truncated ? null : jsonObject(outcome.body);
  if (statusCode < 200 || statusCode >= 300) {
    const why = body === null ? "" : ` (${errorOf(body)})`;
    return refuse(`status ${statusCode}`, `The token server answered ${statusCode}${why}. ${ADVICE}`);
  }
  if (body === null)
    return refuse("no JSON object", "The token server's answer is not a JSON object, or too long.");
  const { access_token: token, token_type: type } = body;
  if (typeof token !== "string" || !/^[!-~]+$/.test(token)) {
    return refuse("no access_token", "The token server's answer has no access_token that can be sent.");
  }
  if (typeof type === "string" && type.toLowerCase() !== "bearer") {
    return refuse("token_type", "The token server gives tokens of another type than Bearer.");
  }
  return { ok: true, token, usableMs: usableMs(body["expires_in"]) };
}

const ADVICE = "Check the client's id, its secret and the scopes.";

function refuse(detail: string, sentence: string): TokenAnswer {
  return { ok: false, failure: failure("oauth_failed", detail, `Not sent: no access token. ${sentence}`) };
}

function jsonObject(bytes: Uint8Array): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString());
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : null;
  } catch {
    return null;
  }
}

/** The server's own words, in printable ASCII, as the standard has them. */
function errorOf({ error, error_description: description }: Record<string, unknown>): string {
  const words = [error, description].filter((each): each is string => typeof each === "string");
  const text = words.join(": ").replaceAll(/[^ -~]/g, "?");
  return text === "" ? "without a reason" : text.slice(0, OAUTH_ERROR_MAX_CHARS);
}

function usableMs(expiresIn: unknown): number {
  const seconds = Number(expiresIn ?? Number.NaN);
  const given = Number.isFinite(seconds) && seconds >= 0 ? seconds * SECOND_MS : OAUTH_TOKEN_LIFE_DEFAULT_MS;
  const life = Math.min(given, OAUTH_TOKEN_LIFE_MAX_MS);
  return life - Math.min(life * OAUTH_TOKEN_MARGIN_PART, OAUTH_TOKEN_MARGIN_MAX_MS);
}

/**
 * What a request is authenticated by. The text itself is shown once and never stored: only its hash, and its first
 * characters, by which a person tells it from others.
 */
export interface Credential {
  readonly id: string;
  readonly environmentId: string;
  /** SHA-256 of the whole text, hex. The texts are long and random, so a slow hash would add nothing. */
  readonly hash: string;
  readonly kind: CredentialKind;
  /** The first characters of the text; null: made before they were kept. */
  readonly prefix: string | null;
  readonly name: string | null;
  /** What it may do: permissions of an API key, capabilities of a portal token; null = all there is for its kind. */
  readonly scopes: readonly string[] | null;
  /** The one application it is for; null for API keys. */
  readonly appId: string | null;
  /** A name the platform gave to a portal session, by which it can end it. */
  readonly sessionId: string | null;
  /** What a portal token is shown beside what everybody is shown. */
  readonly featureFlags: readonly string[];
  /** From then on it is nothing; null = never. */
  readonly expiresAt: number | null;
  readonly createdAt: number;
}

/**
 * `api_key`: of the environment. `portal`: of one application, for its portal. `one_time`: becomes a portal token once,
 * shortly after it was made. `message`: sends messages to one application and does nothing else.
 */
export type CredentialKind = "api_key" | "portal" | "one_time" | "message";

/** How the text of each kind begins. No dot is in any text: Svix's clients read a server's region behind one. */
const KIND_PREFIX = {
  api_key: "phk",
  portal: "pht",
  one_time: "pho",
  message: "phm",
} as const satisfies Record<CredentialKind, string>;

const TEXT = /^(ph[ktom])_([a-z][a-z0-9]{0,30})_([A-Za-z0-9]{20,128})$/;
const RANDOM_CHARS_SHOWN = 4;

/** The environment's name in a credential's text, or null when it is none of ours. */
export function environmentOfToken(text: string): string | null {
  return TEXT.exec(text)?.[2] ?? null;
}

/** The same of an API key's text; null for every other kind. */
export function environmentOfKey(text: string): string | null {
  return text.startsWith(`${KIND_PREFIX.api_key}_`) ? environmentOfToken(text) : null;
}

export const API_KEY_FORM = "phk_<environment>_<20 to 128 letters and digits>";

const OPERATOR_PREFIX = "phop_";
const OPERATOR_TEXT = /^phop_[A-Za-z0-9]{32,128}$/;
export const OPERATOR_KEY_FORM = "phop_<32 to 128 letters and digits>";

/** Whether a text has the form of the operator's key, which is of no environment and never stored. */
export function isOperatorText(text: string): boolean {
  return OPERATOR_TEXT.test(text);
}

/** The text of a new operator's key. */
export function operatorText(random: string): string {
  return OPERATOR_PREFIX + random;
}

/** The text of a new credential. */
export function tokenText(kind: CredentialKind, environment: string, random: string): string {
  return `${KIND_PREFIX[kind]}_${environment}_${random}`;
}

/** What is kept of a text to show it: all but the secret part, and the first characters of that. */
export function shownPart(text: string): string {
  return text.slice(0, text.lastIndexOf("_") + 1 + RANDOM_CHARS_SHOWN);
}

/** How we prove to an endpoint's receiver who we are, and whom we trust there. What is null is not used. */
export interface ReceiverAccess {
  /** An access token goes with every request. */
  readonly oauth: OauthConfig | null;
  /** PEM: our certificate, the ones between it and its authority, and its private key. For mutual TLS. */
  readonly identity: string | null;
  /** PEM: authorities trusted besides the public ones. */
  readonly serverCa: string | null;
}

/** OAuth 2.0 client credentials (RFC 6749, 4.4). */
export interface OauthConfig {
  readonly authMethod: OauthAuthMethod;
  readonly clientId: string;
  /** Of `clientSecretBasic` and `clientSecretPost`. */
  readonly clientSecret: string | null;
  /** Of `clientSecretJwt`. */
  readonly jwt: OauthJwt | null;
  readonly tokenUrl: string;
  readonly scopes: readonly string[] | null;
  /** Added to the form. */
  readonly extraParams: Readonly<Record<string, string>> | null;
  readonly extraHeaders: Readonly<Record<string, string>> | null;
}

/**
 * How we prove to the token server who we are: HTTP Basic, in the form, or with an assertion that we sign. The last is
 * named as in Svix's contract; with its one algorithm, RS256, it is what OpenID Connect calls `private_key_jwt`.
 */
export const OAUTH_AUTH_METHODS = ["clientSecretJwt", "clientSecretBasic", "clientSecretPost"] as const;
export type OauthAuthMethod = (typeof OAUTH_AUTH_METHODS)[number];

export interface OauthJwt {
  /** An RSA private key, PEM or DER (PKCS #8 or #1), base64. */
  readonly secretBase64: string;
  /** `kid` of the assertion. */
  readonly secretId: string | null;
  /** Life of the assertion; null = the default. */
  readonly tokenExpirySecs: number | null;
}

const NOTHING: ReceiverAccess = { oauth: null, identity: null, serverCa: null };

/** With these parts changed; null when nothing is left. */
export function withAccess(
  access: ReceiverAccess | null,
  change: Partial<ReceiverAccess>,
): ReceiverAccess | null {
  const changed = { ...(access ?? NOTHING), ...change };
  return changed.oauth === null && changed.identity === null && changed.serverCa === null ? null : changed;
}

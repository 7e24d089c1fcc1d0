import { REDACTED } from "@posthaste/core/domain/attempt";
import {
  OAUTH_ASSERTION_LIFE_MAX_S,
  OAUTH_ASSERTION_LIFE_S,
  OAUTH_EXTRAS_MAX,
  OAUTH_SCOPES_MAX,
  OAUTH_TEXT_MAX_CHARS,
  TLS_PEM_MAX_CHARS,
} from "@posthaste/core/domain/limits";
import {
  OAUTH_AUTH_METHODS,
  type OauthAuthMethod,
  type OauthConfig,
} from "@posthaste/core/domain/receiver-access";
import { Type } from "typebox";
import { named, nullable, Text } from "../fields.ts";

const CLIENT_CREDENTIALS = "clientCredentials";

const OauthText = { ...Text, minLength: 1, maxLength: OAUTH_TEXT_MAX_CHARS };
const AuthMethod = Type.Unsafe<OauthAuthMethod>({
  type: "string",
  enum: [...OAUTH_AUTH_METHODS],
  description:
    "`clientSecretJwt` signs an assertion with `jwtParams` (RFC 7523); the others send `clientSecret`.",
});
const GrantType = Type.Unsafe<"clientCredentials" | "refreshToken">({
  type: "string",
  enum: [CLIENT_CREDENTIALS, "refreshToken"],
  description: "Only `clientCredentials` is offered.",
});
const Scopes = Type.Array(
  Type.String({
    minLength: 1,
    maxLength: OAUTH_TEXT_MAX_CHARS,
    pattern: "^[!#-\\[\\]-~]+$",
    examples: ["events"],
  }),
  { maxItems: OAUTH_SCOPES_MAX },
);
const Extras = Type.Record(Type.String(), Type.String({ ...Text, maxLength: OAUTH_TEXT_MAX_CHARS }), {
  maxProperties: OAUTH_EXTRAS_MAX,
});

const ClientSecretJwtParamsIn = Type.Object({
  secretBase64: Type.String({
    minLength: 1,
    maxLength: TLS_PEM_MAX_CHARS,
    pattern: "^[A-Za-z0-9+/]+={0,2}$",
    description: "An RSA private key, PEM or DER, in base64.",
  }),
  signingAlgorithm: Type.Unsafe<"RS256">({ type: "string", enum: ["RS256"] }),
  secretId: Type.Optional(nullable(Type.String({ ...OauthText, description: "`kid` of the assertion." }))),
  tokenExpirySecs: Type.Optional(
    nullable(
      Type.Integer({
        minimum: 1,
        maximum: OAUTH_ASSERTION_LIFE_MAX_S,
        description: `How long an assertion is valid, seconds; null = ${OAUTH_ASSERTION_LIFE_S}.`,
      }),
    ),
  ),
});

export const EndpointOauthConfigIn = named(
  "EndpointOauthConfigIn",
  Type.Object({
    grantType: GrantType,
    authMethod: AuthMethod,
    clientId: Type.String({ ...OauthText, examples: ["posthaste"] }),
    clientSecret: Type.Optional(nullable(Type.String({ ...OauthText, examples: ["s3cret"] }))),
    jwtParams: Type.Optional(nullable(ClientSecretJwtParamsIn)),
    tokenUrl: Type.String({
      minLength: 1,
      examples: ["https://auth.example.com/token"],
      description: "Judged like an endpoint's URL.",
    }),
    scopes: Type.Optional(nullable(Scopes)),
    extraParams: Type.Optional(nullable({ ...Extras, description: "Added to the form." })),
    extraHeaders: Type.Optional(nullable({ ...Extras, description: "Of the request for a token." })),
    refreshToken: Type.Optional(nullable(Type.String({ description: "Not offered: only null." }))),
  }),
);

export const EndpointOauthConfigOut = named(
  "EndpointOauthConfigOut",
  Type.Object({
    grantType: GrantType,
    authMethod: AuthMethod,
    clientId: Type.String(),
    tokenUrl: Type.String(),
    scopes: nullable(Scopes),
    extraParams: nullable({ ...Extras, description: "Without the values that their names call secret." }),
    extraHeaders: nullable({ ...Extras, description: "Without the values that their names call secret." }),
  }),
);

/** Without secrets. */
export function shownOauth(config: OauthConfig, isSecret: (name: string) => boolean): object {
  const { authMethod, clientId, tokenUrl, scopes, extraParams, extraHeaders } = config;
  const open = (values: OauthConfig["extraParams"]): OauthConfig["extraParams"] =>
    values &&
    Object.fromEntries(
      Object.entries(values).map(([name, value]) => [name, isSecret(name) ? REDACTED : value]),
    );
  return {
    grantType: CLIENT_CREDENTIALS,
    authMethod,
    clientId,
    tokenUrl,
    scopes,
    extraParams: open(extraParams),
    extraHeaders: open(extraHeaders),
  };
}

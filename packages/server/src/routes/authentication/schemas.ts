import { toIso } from "@posthaste/core/domain/time";
import { NAME_MAX_CHARS, NAME_PATTERN } from "@posthaste/core/domain/ids";
import { type Static, Type } from "typebox";
import {
  EXPIRY_DELAY_MAX_S,
  PORTAL_EXPIRY_DEFAULT_S,
  PORTAL_EXPIRY_MAX_S,
  PORTAL_EXPIRY_MIN_S,
  TOKEN_EXPIRY_MAX_S,
} from "../../http-limits.ts";
import type { Issued } from "../../issue.ts";
import { CAPABILITIES, type Capability } from "../../permission.ts";
import { ApplicationIn } from "../application/schemas.ts";
import { named, nullable, Text, Time } from "../fields.ts";

const FLAGS_MAX = 25;
const SESSIONS_MAX = 1_000;
const SESSION_MAX_CHARS = 64;

const SessionId = Type.String({
  minLength: 1,
  maxLength: SESSION_MAX_CHARS,
  pattern: "^[a-zA-Z0-9@_-]+$",
  description: "Your own name for the session, by which `expire-all` can end it.",
});

const AppPortalCapability = named(
  "AppPortalCapability",
  Type.Unsafe<Capability>({ type: "string", enum: [...CAPABILITIES] }),
);

export const AppPortalAccessIn = named(
  "AppPortalAccessIn",
  Type.Object({
    application: Type.Optional(
      Type.Unsafe<Static<typeof ApplicationIn> | null>({
        anyOf: [ApplicationIn, { type: "null" }],
        description: "Creates the application that the path names by uid, when there is none.",
      }),
    ),
    readOnly: Type.Optional(
      nullable(Type.Boolean({ description: 'Short for `capabilities: ["ViewBase"]`.' })),
    ),
    capabilities: Type.Optional(
      nullable(
        Type.Array(AppPortalCapability, {
          uniqueItems: true,
          description:
            "What it may do; all by default. While the environment's setting `readOnly` is on, `ViewBase` alone counts.",
        }),
      ),
    ),
    featureFlags: Type.Optional(
      Type.Array(Type.String({ maxLength: NAME_MAX_CHARS, pattern: NAME_PATTERN }), {
        uniqueItems: true,
        minItems: 1,
        maxItems: FLAGS_MAX,
        description: "Event types with one of these flags are shown, besides those without any.",
      }),
    ),
    expiry: Type.Optional(
      nullable(
        Type.Integer({
          minimum: PORTAL_EXPIRY_MIN_S,
          maximum: PORTAL_EXPIRY_MAX_S,
          default: PORTAL_EXPIRY_DEFAULT_S,
          description: "Seconds until it ends.",
        }),
      ),
    ),
    sessionId: Type.Optional(nullable(SessionId)),
  }),
);

export const AppPortalAccessOut = named(
  "AppPortalAccessOut",
  Type.Object({
    url: Type.String({
      format: "uri",
      description: "Opens the portal, once, within a minute: behind the # is a one-time token.",
    }),
    token: Type.String({ description: "For the API, from the application's own page. Not stored here." }),
  }),
);

export const ApplicationTokenExpireIn = named(
  "ApplicationTokenExpireIn",
  Type.Object({
    expiry: Type.Optional(
      nullable(
        Type.Integer({
          minimum: 0,
          maximum: EXPIRY_DELAY_MAX_S,
          description: "Seconds until they end; now by default.",
        }),
      ),
    ),
    sessionIds: Type.Optional(
      Type.Array(SessionId, { maxItems: SESSIONS_MAX, description: "Only those; all by default." }),
    ),
  }),
);

export const OneTimeTokenIn = named("OneTimeTokenIn", Type.Object({ oneTimeToken: Type.String() }));

export const OneTimeTokenOut = named(
  "OneTimeTokenOut",
  Type.Object({ token: Type.String(), capabilities: Type.Array(AppPortalCapability) }),
);

export const CreateTokenIn = named(
  "CreateTokenIn",
  Type.Object({
    name: Text,
    expiry: Type.Optional(
      nullable(
        Type.Integer({
          minimum: 0,
          maximum: TOKEN_EXPIRY_MAX_S,
          description: "Seconds until it ends; never by default.",
        }),
      ),
    ),
  }),
);

export const ApiTokenOut = named(
  "ApiTokenOut",
  Type.Object({
    id: Type.String(),
    token: Type.String({ description: "Shown now and never again." }),
    name: nullable(Type.String()),
    createdAt: Time,
    expiresAt: nullable(Time),
    scopes: nullable(Type.Array(Type.String())),
  }),
);

/** A new token as the API shows it, once. */
export function apiTokenText({ credential, text }: Issued): string {
  const { id, name, createdAt, expiresAt, scopes } = credential;
  return JSON.stringify({
    id,
    token: text,
    name,
    createdAt: toIso(createdAt),
    expiresAt: expiresAt === null ? null : toIso(expiresAt),
    scopes,
  });
}

export const WhoamiOut = named(
  "WhoamiOut",
  Type.Object({
    envId: Type.String({ description: "The environment of the credential." }),
    appId: nullable(Type.String({ description: "The one application it is for; null for an API key." })),
    permissionSource: Type.Unsafe<"RegionalAuthToken">({ type: "string", enum: ["RegionalAuthToken"] }),
    sessionId: nullable(Type.String()),
    permissions: Type.Array(Type.String(), { description: "What it may do." }),
  }),
);

import type { Credential } from "@posthaste/core/domain/credential";
import { ID_PREFIX } from "@posthaste/core/domain/ids";
import { invalidField, PosthasteError } from "@posthaste/core/domain/errors";
import { toIso } from "@posthaste/core/domain/time";
import { Type } from "typebox";
import { assertGrants, type Caller, OPERATOR } from "../../caller.ts";
import { EXPIRY_DELAY_MAX_S, TOKEN_EXPIRY_MAX_S } from "../../http-limits.ts";
import { idPattern } from "../../patterns.ts";
import { ALL_PERMISSIONS, type Permission, PERMISSIONS } from "../../permission.ts";
import type { Services } from "../../route.ts";
import { environmentIdOf } from "../environment-id.ts";
import { EnvironmentPath, EnvironmentRef, namedEnvironment } from "../environment/schemas.ts";
import { named, nullable, Text, Time } from "../fields.ts";

const KeyId = Type.String({ pattern: idPattern(ID_PREFIX.apiKey) });

export const KeysPath = EnvironmentPath;
export const KeyPath = Type.Object({ env_id: EnvironmentRef, key_id: KeyId });

const Scopes = Type.Array(Type.String(), {
  minItems: 1,
  uniqueItems: true,
  description: `What it may do; null = everything. ${PERMISSIONS.join(", ")}.`,
  examples: [["write:message"]],
});

export const ApiTokenIn = named(
  "ApiTokenIn",
  Type.Object({
    name: Text,
    scopes: Type.Optional(nullable(Scopes)),
    expiry: Type.Optional(
      nullable(
        Type.Integer({
          minimum: 1,
          maximum: TOKEN_EXPIRY_MAX_S,
          description: "Seconds until it ends; never by default. Not in Svix's contract.",
        }),
      ),
    ),
  }),
);

export const ApiTokenUpdate = named("ApiTokenUpdate", Type.Object({ name: Text }));

export const ApiTokenPatch = named(
  "ApiTokenPatch",
  Type.Object({ name: Type.Optional(nullable(Text)), scopes: Type.Optional(nullable(Scopes)) }),
);

export const ApiTokenExpireIn = named(
  "ApiTokenExpireIn",
  Type.Object({
    expiry: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: EXPIRY_DELAY_MAX_S,
        default: 0,
        description: "Seconds until it ends.",
      }),
    ),
  }),
);

export const ApiTokenCensoredOut = named(
  "ApiTokenCensoredOut",
  Type.Object({
    id: KeyId,
    censoredToken: Type.String({ description: "How it begins." }),
    name: nullable(Type.String()),
    createdAt: Time,
    expiresAt: nullable(Time),
    scopes: nullable(Type.Array(Type.String())),
  }),
);

/** An API key as the API shows it after it was made. */
export function censoredText({ id, prefix, name, createdAt, expiresAt, scopes }: Credential): string {
  return JSON.stringify({
    id,
    censoredToken: `${prefix ?? "phk_"}****`,
    name,
    createdAt: toIso(createdAt),
    expiresAt: expiresAt === null ? null : toIso(expiresAt),
    scopes,
  });
}

/** The id of the environment that the path names: the caller's own, or any for the operator. 404 for every other. */
export async function pathEnvironment(
  { caller, params }: { caller: Caller; params: { env_id: string } },
  services: Services,
): Promise<string> {
  if (caller === OPERATOR) return (await namedEnvironment(params, services)).id;
  if (environmentIdOf(params.env_id) === caller.environmentId) return caller.environmentId;
  throw new PosthasteError("not_found", "No environment of yours has this id.");
}

/** The API key that a path names; 404 when there is none in the environment that it names. */
export async function findKey(
  call: { caller: Caller; params: { env_id: string; key_id: string } },
  services: Services,
): Promise<Credential> {
  const environmentId = await pathEnvironment(call, services);
  const key = await services.store.credentials.findApiKey({ environmentId, id: call.params.key_id });
  if (key === null) throw new PosthasteError("not_found", "No API key has this id.");
  return key;
}

/** Refuses scopes that are none, and those that the caller lacks. */
export function assertScopes(caller: Caller, scopes: readonly string[] | null): void {
  if (scopes === null) return assertGrants(caller, ALL_PERMISSIONS);
  const known = new Set<string>(PERMISSIONS);
  const unknown = scopes.findIndex((scope) => !known.has(scope));
  if (unknown !== -1) {
    throw invalidField(["body", "scopes", String(unknown)], `Must be one of: ${PERMISSIONS.join(", ")}.`);
  }
  assertGrants(
    caller,
    PERMISSIONS.filter((permission: Permission) => scopes.includes(permission)),
  );
}

import { INSTALLATION } from "@posthaste/core/domain/environment";
import { PosthasteError } from "@posthaste/core/domain/errors";
import type { Engine } from "@posthaste/core/engine/engine";
import {
  ALL_PERMISSIONS,
  BEYOND_APPLICATION,
  isOperatorPermission,
  OPERATOR_PERMISSIONS,
  type Permission,
} from "./permission.ts";

/** Who is calling, as its credential says. */
export interface Caller {
  /** INSTALLATION for the operator, who is of none. */
  readonly environmentId: string;
  /** Of its credential. */
  readonly id: string;
  readonly permissions: ReadonlySet<Permission>;
  /** The one application it may see; null = all of the environment. */
  readonly appId: string | null;
  /** Event types with a flag are shown to it only when it has one of them; null = all are shown. */
  readonly featureFlags: readonly string[] | null;
  readonly sessionId: string | null;
}

/**
 * Whoever sends the operator's key. It names no environment, so an operation that takes it has to take the environment
 * from its path; every other is refused for want of the permission.
 */
export const OPERATOR: Caller = {
  environmentId: INSTALLATION,
  id: "operator",
  permissions: OPERATOR_PERMISSIONS,
  appId: null,
  featureFlags: null,
  sessionId: null,
};

/**
 * Need of an operation: a permission; or `caller`: any credential that is stored, for what concerns that credential
 * alone.
 */
export type Need = Permission | "caller";

/**
 * Refuses what the credential was not given. One that is bound to an application gets no further than operations
 * under that application's path, whatever its permissions.
 */
export function assertMay(caller: Caller, { need, inApplication }: Door): void {
  if (need === "caller") {
    if (caller !== OPERATOR) return;
    throw new PosthasteError("insufficient_access", "The operator's key is for managing environments only.");
  }
  if (!caller.permissions.has(need)) {
    if (isOperatorPermission(need)) {
      throw new PosthasteError(
        "insufficient_access",
        "This needs the operator's key (POSTHASTE_OPERATOR_KEY of the server); no API key can do it.",
      );
    }
    throw new PosthasteError(
      "insufficient_access",
      `This needs the permission ${need}. Use a key that has it.`,
    );
  }
  if (caller.appId !== null && !inApplication && !BEYOND_APPLICATION.has(need)) {
    throw new PosthasteError("insufficient_access", "This token is for one application only.");
  }
}

/** Nobody gives away more than they have; whoever makes environments has all that there is in them. */
export function assertGrants(caller: Caller, granted: Iterable<Permission>): void {
  const has = caller === OPERATOR ? ALL_PERMISSIONS : caller.permissions;
  for (const permission of granted) {
    if (has.has(permission)) continue;
    throw new PosthasteError(
      "insufficient_access",
      `You cannot give the permission ${permission} without having it.`,
    );
  }
}

/** What one operation asks of its callers. */
export interface Door {
  readonly need: Need;
  /** Its path names an application. */
  readonly inApplication: boolean;
}

/**
 * Holds a credential of one application to it: 404 for every other, as if there were none. The path then names the
 * application by its id, so that what was checked is what the handler finds, also when a uid moves meanwhile.
 */
export async function bindToApplication(
  { appId, environmentId }: Caller,
  { params, engine }: { params: unknown; engine: Pick<Engine, "findApplication"> },
): Promise<void> {
  if (appId === null) return;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the path has this parameter
  const path = params as { app_id: string };
  const routed = await engine.findApplication({ environmentId, ref: path.app_id });
  if (routed?.application.id !== appId) {
    throw new PosthasteError("not_found", "No application has this id or uid.");
  }
  path.app_id = appId;
}

import { PosthasteError } from "@posthaste/core/domain/errors";
import type { Engine } from "@posthaste/core/engine/engine";
import { BEYOND_APPLICATION, type Permission } from "./permission.ts";

/** Who is calling, as its credential says. */
export interface Caller {
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

/** Need of an operation: a permission; or `caller`: any credential, for what concerns that credential alone. */
export type Need = Permission | "caller";

/**
 * Refuses what the credential was not given. One that is bound to an application gets no further than operations
 * under that application's path, whatever its permissions.
 */
export function assertMay(caller: Caller, { need, inApplication }: Door): void {
  if (need === "caller") return;
  if (!caller.permissions.has(need)) {
    throw new PosthasteError(
      "insufficient_access",
      `This needs the permission ${need}. Use a key that has it.`,
    );
  }
  if (caller.appId !== null && !inApplication && !BEYOND_APPLICATION.has(need)) {
    throw new PosthasteError("insufficient_access", "This token is for one application only.");
  }
}

/** Nobody gives away more than they have. */
export function assertGrants({ permissions }: Caller, granted: Iterable<Permission>): void {
  for (const permission of granted) {
    if (permissions.has(permission)) continue;
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

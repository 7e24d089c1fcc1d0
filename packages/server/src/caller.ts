import { PosthasteError } from "@posthaste/core/domain/errors";
import { BEYOND_APPLICATION, type Permission } from "./permission.ts";

/** Who is calling, as its credential says. */
export interface Caller {
  readonly environmentId: string;
  /** Of its credential. */
  readonly id: string;
  readonly permissions: ReadonlySet<Permission>;
  /** The one application it may see; null = all of the environment. */
  readonly appId: string | null;
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

/** What one operation asks of its callers. */
export interface Door {
  readonly need: Need;
  /** Its path names an application. */
  readonly inApplication: boolean;
}

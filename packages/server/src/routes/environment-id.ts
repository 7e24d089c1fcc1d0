import { ID_PREFIX } from "@posthaste/core/domain/ids";

/** Svix's contract calls an environment an organization. */
export const WIRE_PREFIX = "org_";

/** An environment's id as Svix's contract has it: `org_…`. */
export function wireEnvironmentId(id: string): string {
  return WIRE_PREFIX + id.slice(ID_PREFIX.environment.length);
}

/** The environment that a path names, as `env_…` or `org_…`. */
export function environmentIdOf(ref: string): string {
  return ref.startsWith(WIRE_PREFIX) ? ID_PREFIX.environment + ref.slice(WIRE_PREFIX.length) : ref;
}

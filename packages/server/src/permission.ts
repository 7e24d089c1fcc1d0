/**
 * Who may do what. Each operation needs one permission, named by its route (`scope`); what no rule grants is refused.
 * An environment's keys have all of them unless they were made with fewer; a portal token has those of its capabilities,
 * inside its own application. The operator's key has those of the operator and none of an environment's data.
 */
import type { Credential } from "@posthaste/core/domain/credential";

/** What a portal token may do, in the words of Svix's contract. */
export const CAPABILITIES = [
  "ViewBase",
  "ViewEndpointSecret",
  "ManageEndpointSecret",
  "ManageTransformations",
  "CreateAttempts",
  "ManageEndpoint",
] as const;
export type Capability = (typeof CAPABILITIES)[number];

/** Every permission, and the capability that gives it to a portal token; null: no portal token has it. */
const GRANTED_BY = {
  "read:application": "ViewBase",
  "write:application": null,
  "read:endpoint": "ViewBase",
  "write:endpoint": "ManageEndpoint",
  "read:endpoint-secret": "ViewEndpointSecret",
  "write:endpoint-secret": "ManageEndpointSecret",
  "read:transformation": "ViewBase",
  "write:transformation": "ManageTransformations",
  "read:event-type": "ViewBase",
  "write:event-type": null,
  "read:message": "ViewBase",
  "write:message": null,
  /** Taking contents away, and calling off what is owed. */
  "delete:message": null,
  "read:attempt": "ViewBase",
  /** Resend, recover, replay, examples: what makes an endpoint be called again. */
  "write:attempt": "CreateAttempts",
  /** Any payload, signed as the endpoint's: more than its owner's portal may do. */
  "write:test-attempt": null,
  /** Taking away what was recorded. */
  "delete:attempt": null,
  "read:statistics": "ViewBase",
  "read:task": null,
  "write:task": null,
  "read:poller": null,
  "write:poller": null,
  "read:operational-webhook": null,
  "write:operational-webhook": null,
  "read:operational-webhook-secret": null,
  "write:operational-webhook-secret": null,
  "read:environment": null,
  "write:environment": null,
  /** How a portal shows itself. */
  "read:portal-settings": "ViewBase",
  "read:api-token": null,
  "write:api-token": null,
  /** Making and ending the tokens of an application's portal. */
  "write:portal": null,
} as const satisfies Record<string, Capability | null>;

/** What goes beyond one environment: the operator's key has it, and no credential that is stored can be given it. */
type OperatorPermission = "read:installation" | "write:installation";

/** What a credential of an environment may have. */
type GrantedPermission = keyof typeof GRANTED_BY;

export type Permission = GrantedPermission | OperatorPermission;

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the keys of a constant
export const PERMISSIONS = Object.keys(GRANTED_BY) as readonly GrantedPermission[];
export const ALL_PERMISSIONS: ReadonlySet<Permission> = new Set(PERMISSIONS);

/** Environments, and the API keys of each: by these the operator gets at everything else. */
export const OPERATOR_PERMISSIONS: ReadonlySet<Permission> = new Set([
  "read:installation",
  "write:installation",
  "read:api-token",
  "write:api-token",
]);

/** Whether only the operator's key can have it: what anybody with another credential has to be told. */
export const isOperatorPermission = (need: Permission): boolean => need.endsWith(":installation");

/** Operations on the environment that a portal token may use all the same: it is shown what its feature flags allow. */
export const BEYOND_APPLICATION: ReadonlySet<Permission> = new Set([
  "read:event-type",
  "read:portal-settings",
]);

const CAPABILITIES_OF: ReadonlyMap<string, Capability | null> = new Map(Object.entries(GRANTED_BY));

/** What is left of a portal token's capabilities while its environment is read-only. */
export function viewingOnly(capabilities: readonly string[]): readonly Capability[] {
  return capabilities.includes(VIEWING) ? [VIEWING] : [];
}

const VIEWING = "ViewBase" satisfies Capability;

/** What a portal token with these capabilities may do. */
export function permissionsOf(capabilities: readonly string[]): ReadonlySet<Permission> {
  return new Set(
    PERMISSIONS.filter((permission) => capabilities.includes(CAPABILITIES_OF.get(permission) ?? "")),
  );
}

/** What a credential may do; null when it is none that a request can be sent with. */
export function permissionsFor({
  kind,
  scopes,
}: Pick<Credential, "kind" | "scopes">): ReadonlySet<Permission> | null {
  switch (kind) {
    case "api_key":
      return scopes === null ? ALL_PERMISSIONS : new Set(PERMISSIONS.filter((each) => scopes.includes(each)));
    case "portal":
      return permissionsOf(scopes ?? CAPABILITIES);
    case "message":
      return SENDING;
    case "one_time":
      return null;
    default:
      return kind satisfies never;
  }
}

const SENDING: ReadonlySet<Permission> = new Set(["write:message"]);

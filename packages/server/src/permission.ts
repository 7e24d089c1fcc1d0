/**
 * Who may do what. Each operation needs one permission, named by its route (`scope`); what no rule grants is refused.
 * An environment's keys have all of them unless they were made with fewer; a portal token has those of its capabilities,
 * inside its own application.
 */

/** What a portal token may do, in the words of Svix's contract. */
type Capability =
  | "ViewBase"
  | "ViewEndpointSecret"
  | "ManageEndpointSecret"
  | "ManageTransformations"
  | "CreateAttempts"
  | "ManageEndpoint";

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
  /** Sending, and taking contents away. */
  "write:message": null,
  "read:attempt": "ViewBase",
  /** Resend, recover, replay, examples: what makes an endpoint be called again. */
  "write:attempt": "CreateAttempts",
  /** Taking away what was recorded. */
  "delete:attempt": null,
  "read:statistics": "ViewBase",
  "read:task": null,
  "write:task": null,
  "read:poller": null,
  "write:poller": null,
  "read:operational-webhook": null,
  "write:operational-webhook": null,
  "read:environment": null,
  "write:environment": null,
  "read:api-token": null,
  "write:api-token": null,
  /** Making and ending the tokens of an application's portal. */
  "write:portal": null,
} as const satisfies Record<string, Capability | null>;

export type Permission = keyof typeof GRANTED_BY;

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the keys of a constant
export const PERMISSIONS = Object.keys(GRANTED_BY) as readonly Permission[];
export const ALL_PERMISSIONS: ReadonlySet<Permission> = new Set(PERMISSIONS);

/** Operations on the environment that a portal token may use all the same: it is shown what its feature flags allow. */
export const BEYOND_APPLICATION: ReadonlySet<Permission> = new Set(["read:event-type"]);

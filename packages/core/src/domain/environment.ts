import { SECOND_MS } from "./time.ts";

/** Its own keys and data; nothing crosses. `live` and `sandbox` are made at the first start, others by the operator. */
export interface Environment {
  readonly id: string;
  /** Unique; as far as it has the form for that, part of its keys: `phk_<name>_…` (`keyNameOf`). */
  readonly name: string;
  readonly type: EnvironmentType;
  /** Messages and attempts older than this are pruned. */
  readonly retentionDays: number;
  readonly settings: EnvironmentSettings;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** Characters of a name, as in Svix's contract. */
export const ENVIRONMENT_NAME_MAX_CHARS = 255;

/**
 * What stands for the environment where a request belongs to none: what the operator does is remembered under it. No
 * environment has this id, so whatever is looked up with it is not found.
 */
export const INSTALLATION = "installation";

/** What stands for an environment in the texts of its keys: as much of its name as has the form for that. */
export function keyNameOf({ name }: Pick<Environment, "name">): string {
  const plain = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/g, "")
    .replace(/^[0-9]+/, "");
  return plain === "" ? "env" : plain.slice(0, KEY_NAME_MAX_CHARS);
}

const KEY_NAME_MAX_CHARS = 31;

export type EnvironmentType = "development" | "production";

/**
 * What people set of an environment, by the names of Svix's contract, as JSON; what is not set has its default. Those
 * that mean something here are read by the functions below; the others are kept and shown.
 */
export type EnvironmentSettings = Readonly<Record<string, unknown>>;

/** A new environment with nothing set. */
export function newEnvironment(
  given: Pick<Environment, "id" | "name" | "retentionDays" | "createdAt"> & Partial<Environment>,
): Environment {
  return { type: "production", settings: {}, updatedAt: given.createdAt, ...given };
}

/** What deliveries follow. */
export interface DeliveryRules {
  /** Every request also has `svix-id`, `svix-timestamp` and `svix-signature`, with the values of `webhook-…`. */
  readonly svixHeaders: boolean;
  /** Five days of nothing but failures disable an endpoint. */
  readonly disableFailing: boolean;
  /** Waits between attempts for endpoints without their own; null = the server's. */
  readonly retryScheduleMs: readonly number[] | null;
  /** The payload of a message is deleted once every delivery of it has succeeded. */
  readonly wipeDelivered: boolean;
}

/** What endpoints of an environment have to have when they are made or changed. */
export interface EndpointRules {
  /** URLs start with https, also where the server allows http. */
  readonly enforceHttps: boolean;
  readonly requireChannels: boolean;
  readonly requireEventTypes: boolean;
  /** Endpoints that an application may have; null = as many as the server allows. */
  readonly perApplicationMax: number | null;
}

/** Whether portal tokens of the environment may only view, whatever they were issued with. */
export function isPortalReadOnly({ settings }: Pick<Environment, "settings">): boolean {
  return settings["readOnly"] === true;
}

export const DEFAULT_DELIVERY_RULES: DeliveryRules = {
  svixHeaders: false,
  disableFailing: true,
  retryScheduleMs: null,
  wipeDelivered: false,
};

export function deliveryRulesOf({ settings }: Pick<Environment, "settings">): DeliveryRules {
  const { retryPolicy } = settings;
  return {
    svixHeaders: settings["sendSvixWebhookHeaders"] === true,
    disableFailing: settings["disableEndpointOnFailure"] !== false,
    retryScheduleMs: Array.isArray(retryPolicy)
      ? retryPolicy.map((seconds) => Number(seconds) * SECOND_MS)
      : null,
    wipeDelivered: settings["wipeSuccessfulPayload"] === true,
  };
}

export function endpointRulesOf({ settings }: Pick<Environment, "settings">): EndpointRules {
  const { endpointsPerAppLimit } = settings;
  return {
    enforceHttps: settings["enforceHttps"] === true,
    requireChannels: settings["requireEndpointChannel"] === true,
    requireEventTypes: settings["requireEndpointFilterTypes"] === true,
    perApplicationMax: typeof endpointsPerAppLimit === "number" ? endpointsPerAppLimit : null,
  };
}

import type { Endpoint } from "@posthaste/core/domain/endpoint";
import { type EndpointRules, endpointRulesOf } from "@posthaste/core/domain/environment";
import { invalidField, PosthasteError } from "@posthaste/core/domain/errors";
import { ID_PREFIX } from "@posthaste/core/domain/ids";
import { ENDPOINTS_PER_APP_MAX, SECRET_BYTES } from "@posthaste/core/domain/limits";
import { SECOND_MS } from "@posthaste/core/domain/time";
import { CUSTOM_HEADERS_MAX } from "@posthaste/core/egress/header-policy";
import type { Idempotent } from "@posthaste/core/storage/port";
import { formatSecret } from "@posthaste/receiver";
import type { Static } from "typebox";
import type { Answer } from "../../answer.ts";
import type { Services } from "../../route.ts";
import { changeRecord, uidTaken } from "../../change-record.ts";
import { findEndpoint } from "../application/find.ts";
import { assertMetadata, assertUid } from "../application/schemas.ts";
import { findEnvironment } from "../environment/write.ts";
import { endpointText, type EndpointIn, type EndpointPatch } from "./schemas.ts";

export type EndpointFields = Static<typeof EndpointIn>;
export type EndpointChanges = Static<typeof EndpointPatch>;

/** What the schema cannot say; asks the store which event types exist, and what the environment wants of endpoints. */
export async function assertEndpoint(
  fields: EndpointChanges,
  { environmentId, services, whole }: { environmentId: string; services: Services; whole?: boolean },
): Promise<void> {
  assertUid(fields.uid, ["body", "uid"]);
  assertMetadata(fields.metadata, ["body", "metadata"]);
  if (fields.url !== undefined) {
    const verdict = services.rules.checkUrl(fields.url);
    if (!verdict.ok) throw new PosthasteError("url_not_allowed", verdict.message);
  }
  // Left out: an endpoint that the environment's settings say nothing of.
  if (whole !== undefined) {
    assertEndpointRules(fields, endpointRulesOf(await findEnvironment(environmentId, services)), whole);
  }
  if (fields.eventTypes === undefined || fields.eventTypes === null) return;
  const missing = await services.store.eventTypes.findMissing({ environmentId, names: fields.eventTypes });
  if (missing.length === 0) return;
  throw invalidField(
    ["body", "eventTypes"],
    `These event types do not exist: ${missing.join(", ")}. Create them first, or check their spelling.`,
  );
}

/** What the environment's settings want of the fields given; of a whole endpoint, also of those left out. */
function assertEndpointRules(fields: EndpointChanges, rules: EndpointRules, whole: boolean): void {
  if (rules.enforceHttps && fields.url !== undefined && !/^https:/i.test(fields.url)) {
    throw new PosthasteError("url_not_allowed", "The URL must start with https://.");
  }
  const lacks = (value: readonly string[] | null | undefined): boolean =>
    value === null || (value === undefined && whole);
  if (rules.requireChannels && lacks(fields.channels)) {
    throw invalidField(["body", "channels"], "Endpoints of this environment must name at least one channel.");
  }
  if (rules.requireEventTypes && lacks(fields.eventTypes)) {
    throw invalidField(["body", "eventTypes"], "Endpoints of this environment must name their event types.");
  }
}

export function assertHeaders(headers: Readonly<Record<string, string>>, services: Services): void {
  const entries = Object.entries(headers);
  if (entries.length > CUSTOM_HEADERS_MAX) {
    throw new PosthasteError("limit_reached", `An endpoint has at most ${CUSTOM_HEADERS_MAX} headers.`);
  }
  const seen = new Set<string>();
  for (const [name, value] of entries) {
    const verdict = services.rules.checkHeader(name, value);
    if (!verdict.ok) throw new PosthasteError("header_not_allowed", verdict.message);
    if (seen.has(name.toLowerCase())) {
      throw new PosthasteError("header_not_allowed", `The header "${name}" appears twice. Keep one of them.`);
    }
    seen.add(name.toLowerCase());
  }
}

/** The key to store: as given, or a new one. */
export function secretOrNew(
  given: string | null | undefined,
  { services, loc }: { services: Services; loc: readonly string[] },
): string {
  if (given === null || given === undefined) return formatSecret(services.runtime.random.bytes(SECRET_BYTES));
  // Without a prefix it is a shared secret, as in Svix's contract.
  const key = given.includes("_") ? given : `whsec_${given}`;
  try {
    services.rules.checkSecret(key);
    return key;
  } catch (error) {
    throw invalidField(loc, error instanceof Error ? error.message : "This key cannot sign.");
  }
}

/** A new endpoint with these fields, not stored yet. */
export function newEndpoint(
  fields: EndpointFields,
  { appId, services }: { appId: string; services: Services },
): Endpoint {
  const now = services.runtime.clock.now();
  const key = secretOrNew(fields.secret, { services, loc: ["body", "secret"] });
  return {
    id: services.runtime.ids.next(ID_PREFIX.endpoint),
    appId,
    ...editableFields(fields),
    disabled: fields.disabled ?? false,
    disabledReason: fields.disabled === true ? "manual" : null,
    disabledAt: fields.disabled === true ? now : null,
    failingSince: null,
    secrets: [{ key, expiresAt: null }],
    headers: fields.headers ?? {},
    transformation: null,
    access: null,
    createdAt: now,
    updatedAt: now,
  };
}

/** Fields a PUT replaces: what is left out gets its default. */
export function editableFields(
  fields: EndpointFields,
): Pick<
  Endpoint,
  | "uid"
  | "url"
  | "description"
  | "throttleRate"
  | "eventTypes"
  | "channels"
  | "metadata"
  | "fifo"
  | "timeoutMs"
  | "retryScheduleMs"
> {
  return {
    uid: fields.uid ?? null,
    url: fields.url,
    description: fields.description ?? "",
    throttleRate: fields.throttleRate ?? null,
    eventTypes: fields.eventTypes ?? null,
    channels: fields.channels ?? null,
    metadata: fields.metadata ?? {},
    fifo: fields.fifo ?? false,
    timeoutMs: secondsToMs(fields.timeoutSeconds ?? null),
    retryScheduleMs: scheduleToMs(fields.retrySchedule ?? null),
  };
}

export function secondsToMs(seconds: number | null): number | null {
  return seconds === null ? null : seconds * SECOND_MS;
}

export function scheduleToMs(seconds: readonly number[] | null): number[] | null {
  return seconds?.map((wait) => wait * SECOND_MS) ?? null;
}

/** The fields that switching an endpoint on or off changes. */
export function switched(
  endpoint: Endpoint,
  { disabled, now }: { disabled: boolean; now: number },
): Pick<Endpoint, "disabled" | "disabledReason" | "disabledAt" | "failingSince"> {
  if (!disabled) return { disabled, disabledReason: null, disabledAt: null, failingSince: null };
  const { disabledReason, disabledAt, failingSince } = endpoint;
  // Switching off what is off keeps the reason why it is.
  if (endpoint.disabled) return { disabled, disabledReason, disabledAt, failingSince };
  return { disabled, disabledReason: "manual", disabledAt: now, failingSince };
}

/** What endpoints of an application and operational ones do not share. */
export interface EndpointKind {
  /** For refusals. */
  readonly noun: string;
  readonly owner: string;
  /** How many the owner may have. */
  readonly max: number;
  readonly toText: (endpoint: Endpoint) => string;
}

const OF_APPLICATION: EndpointKind = {
  noun: "endpoint",
  owner: "An application",
  max: ENDPOINTS_PER_APP_MAX,
  toText: endpointText,
};

/** Stores a new endpoint and answers with it. To be called in the application's write order. */
export async function insertEndpoint(
  endpoint: Endpoint,
  {
    environmentId,
    services,
    remember,
    kind: { noun, owner, max, toText } = OF_APPLICATION,
  }: {
    /** Of an endpoint that is held to its environment's settings. */
    environmentId?: string;
    services: Services;
    remember: (answer: Answer) => Idempotent;
    kind?: EndpointKind;
  },
): Promise<Answer> {
  const stored = await services.store.endpoints.listAll(endpoint.appId);
  const environment = environmentId === undefined ? null : await findEnvironment(environmentId, services);
  const most = (environment && endpointRulesOf(environment).perApplicationMax) ?? max;
  if (stored.length >= most) {
    throw new PosthasteError(
      "limit_reached",
      `${owner} has at most ${most} ${noun}s. Delete one that is no longer used.`,
    );
  }
  const answer = { status: 201, text: toText(endpoint) };
  const { store, engine } = services;
  const result = await engine.operational.tellingOfEndpoint({ before: null, after: endpoint }, (tells) =>
    store.endpoints.insert(endpoint, { ...remember(answer), tells }),
  );
  if (result.kind === "conflict") throw uidTaken(noun);
  await engine.applicationChanged(endpoint.appId);
  return answer;
}

/**
 * Reads the stored endpoint anew, changes it and writes it back. Changes of one application wait for each
 * other here; what another process, or a delivery that disables the endpoint, did meanwhile is seen by the
 * store, and the change is made again on top of it.
 */
export function changeEndpoint(
  { appId, ref }: { appId: string; ref: string },
  {
    services,
    change,
    idempotent = {},
    kind: { noun } = OF_APPLICATION,
  }: {
    services: Services;
    change: (stored: Endpoint) => Endpoint;
    idempotent?: Idempotent;
    kind?: EndpointKind;
  },
): Promise<Endpoint> {
  const { store, runtime, engine } = services;
  return services.writes.run(appId, async () => {
    const changed = await changeRecord({
      noun,
      clock: runtime.clock,
      read: async () => findEndpoint(await store.endpoints.listAll(appId), ref),
      change,
      write: (after, before) =>
        engine.operational.tellingOfEndpoint({ before, after }, (tells) => {
          const { updatedAt, disabled } = before;
          return store.endpoints.update(after, { ...idempotent, basedOn: { updatedAt, disabled }, tells });
        }),
    });
    await engine.applicationChanged(appId);
    return changed;
  });
}

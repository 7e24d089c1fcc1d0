import type { Metadata } from "./application.ts";
import type { ReceiverAccess } from "./receiver-access.ts";
import type { Transformation } from "./transformation.ts";

/** Where an application wants messages. */
export interface Endpoint {
  readonly id: string;
  readonly appId: string;
  /** Unique in the application; accepted wherever the id is. */
  readonly uid: string | null;
  readonly url: string;
  readonly description: string;
  /** Attempts a second; null = no limit. */
  readonly throttleRate: number | null;
  /** Only these types; null = all. */
  readonly eventTypes: readonly string[] | null;
  /** Only messages on one of these channels; null = every message. */
  readonly channels: readonly string[] | null;
  readonly disabled: boolean;
  readonly disabledReason: DisabledReason | null;
  readonly disabledAt: number | null;
  /** When the run of nothing but failures began; null while it works. */
  readonly failingSince: number | null;
  /** The current secret first, then those still valid after a rotation. */
  readonly secrets: readonly EndpointSecret[];
  /** Sent with every attempt. */
  readonly headers: Readonly<Record<string, string>>;
  readonly metadata: Metadata;
  /** One at a time, in the order of acceptance: a failing message holds back the ones behind it. */
  readonly fifo: boolean;
  /** Total bound of one attempt; null = the default. */
  readonly timeoutMs: number | null;
  /** Waits between attempts; null = the server's. */
  readonly retryScheduleMs: readonly number[] | null;
  /** Changes what is sent, attempt by attempt; null = never had one. */
  readonly transformation: Transformation | null;
  /** What its receiver asks of us beside the signature; null = nothing. */
  readonly access: ReceiverAccess | null;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** `manual`: a person switched it off. `gone`: it answered 410. `failing`: five days of only failures. */
export type DisabledReason = "manual" | "gone" | "failing";

export interface EndpointSecret {
  /** `whsec_…` or `whsk_…`. */
  readonly key: string;
  /** Signs until then; null for the current one. */
  readonly expiresAt: number | null;
}

/** The keys that sign at `now`: the current one and those whose overlap has not run out. */
export function signingKeys(secrets: readonly EndpointSecret[], now: number): string[] {
  return secrets
    .filter((secret) => secret.expiresAt === null || secret.expiresAt > now)
    .map(({ key }) => key);
}

/** The secrets after a rotation: expired ones are dropped, the current one stays for the grace period. */
export function rotateSecret(
  secrets: readonly EndpointSecret[],
  { newKey, graceMs, now }: { newKey: string; graceMs: number; now: number },
): EndpointSecret[] {
  const kept = secrets
    .map(({ key, expiresAt }) => ({ key, expiresAt: expiresAt ?? now + graceMs }))
    .filter(({ key, expiresAt }) => key !== newKey && expiresAt > now);
  return [{ key: newKey, expiresAt: null }, ...kept];
}

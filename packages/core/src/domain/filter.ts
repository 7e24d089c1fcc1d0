import type { Endpoint } from "./endpoint.ts";

/** What of a message decides who gets it. */
export interface Routable {
  readonly eventType: string;
  readonly channels: readonly string[] | null;
}

/**
 * Whether an endpoint wants a message. An endpoint without channels takes every message; one with channels
 * takes only messages that name at least one of them (Svix's rule).
 */
export function wants(
  endpoint: Pick<Endpoint, "disabled" | "eventTypes" | "channels">,
  message: Routable,
): boolean {
  if (endpoint.disabled) return false;
  if (endpoint.eventTypes !== null && !endpoint.eventTypes.includes(message.eventType)) return false;
  if (endpoint.channels === null) return true;
  return message.channels?.some((channel) => endpoint.channels?.includes(channel)) ?? false;
}

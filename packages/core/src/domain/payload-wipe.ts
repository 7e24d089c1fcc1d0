import type { DeliveryState } from "./delivery.ts";
import { WIPE_LOOK_AGAIN_MAX_MS, WIPE_LOOK_AGAIN_MIN_MS } from "./limits.ts";

/** A message of an environment that deletes payloads once they are delivered; at least one delivery of it succeeded. */
export interface DeliveredMessage {
  /** False as well where the message is gone. */
  readonly hasPayload: boolean;
  /** Any delivery has not ended: it is due, being sent, waiting for a retry or paused. */
  readonly isOwed: boolean;
  /** A polling endpoint may still hand it out. */
  readonly isPolled: boolean;
  /** How the last attempt at each endpoint left its delivery. */
  readonly lastStates: readonly DeliveryState[];
}

/**
 * Whether its payload goes now, or has to be looked at `later`. `never`: as it is it stays; only another success, of a
 * delivery that is resent, changes that, and is told of by itself. What was called off does not keep it.
 */
export function wipeVerdict(message: DeliveredMessage): "now" | "later" | "never" {
  if (!message.hasPayload || message.lastStates.includes("failed")) return "never";
  return message.isOwed || message.isPolled ? "later" : "now";
}

/** When one that may not go yet is looked at again: soon while it is young, then ever more rarely. */
export function nextWipeLook({ createdAt, now }: { createdAt: number; now: number }): number {
  const age = now - createdAt;
  return now + Math.min(WIPE_LOOK_AGAIN_MAX_MS, Math.max(WIPE_LOOK_AGAIN_MIN_MS, age));
}

import type { Metadata } from "./application.ts";

/** Where an application's messages wait to be fetched, for receivers that cannot be called. */
export interface PollingEndpoint {
  readonly id: string;
  readonly appId: string;
  readonly environmentId: string;
  /** Unique among the application's; accepted wherever the id is. */
  readonly uid: string | null;
  /** Only these types; null = all. */
  readonly eventTypes: readonly string[] | null;
  readonly metadata: Metadata;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** How far one reader of a polling endpoint has come. */
export interface PollingConsumer {
  readonly appId: string;
  readonly endpointId: string;
  readonly name: string;
  /** What lies at or before it is done. */
  readonly position: number;
  /** Handed out up to here until `leasedUntil`: others go on behind it. 0 and 0 = nothing is. */
  readonly leasedTo: number;
  readonly leasedUntil: number;
  /** Counts its changes; 0 = not stored yet. */
  readonly version: number;
}

/** Where a poll by this consumer goes on. */
export function nextPosition(consumer: PollingConsumer, now: number): number {
  const leased = consumer.leasedUntil > now ? consumer.leasedTo : 0;
  return Math.max(consumer.position, leased);
}

import type { Message } from "../domain/message.ts";
import type { PollingConsumer, PollingEndpoint } from "../domain/polling-endpoint.ts";
import type { Idempotent, InsertResult } from "./port-writes.ts";

/**
 * Polling endpoints. A message of an application that has any is noted in the commit that stores it. Its position
 * in the order of polling is given later, by `sequence`, under a lock: what becomes visible late gets a position
 * behind what was numbered before, so whoever has read up to a position has seen everything at or before it.
 */
export interface PollingStore {
  insert(endpoint: PollingEndpoint, options: Idempotent): Promise<InsertResult<PollingEndpoint>>;
  /** All of an application, by id. At most POLLING_ENDPOINTS_PER_APP_MAX. */
  listAll(appId: string): Promise<PollingEndpoint[]>;
  /** Removes it with its consumers. */
  delete(query: { appId: string; id: string }): Promise<boolean>;
  /** Gives positions to at most `limit` messages that have none, by id. `head`: the last position there is. */
  sequence(request: { appId: string; limit: number }): Promise<{ head: number; more: boolean }>;
  /** What lies behind a position, in order. A message that retention took is null. */
  read(query: { appId: string; after: number; limit: number }): Promise<PolledMessage[]>;
  /** The position before the first message made at or after a time; the last one there is when there is none. */
  findPosition(query: { appId: string; since: number }): Promise<number>;
  findConsumer(query: ConsumerKey): Promise<PollingConsumer | null>;
  /**
   * Stores what was changed from `consumer.version`, under the next version. `stale`: somebody else changed it, or
   * made it, meanwhile. `full`: one more would be too many.
   */
  saveConsumer(consumer: PollingConsumer): Promise<"saved" | "stale" | "full">;
  /** Forgets a batch of messages made before a time, and what belongs to applications that are gone; how much went. */
  prune(request: { environmentId: string; before: number; limit: number }): Promise<number>;
}

export interface PolledMessage {
  readonly position: number;
  readonly message: Message | null;
}

export interface ConsumerKey {
  readonly appId: string;
  readonly endpointId: string;
  readonly name: string;
}

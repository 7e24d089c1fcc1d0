import type { Environment } from "../domain/environment.ts";
import type { EventType } from "../domain/event-type.ts";
import type { Idempotent, IdempotentAnswer, InsertResult } from "./port-writes.ts";

export interface EnvironmentStore {
  /** Inserts it with its event types unless one of that name exists; returns the stored one. */
  ensure(environment: Environment, eventTypes: readonly EventType[]): Promise<Environment>;
  /** The same, but says so when the name is taken. Every node may use it at once: nothing of it is in any memory yet. */
  insert(
    environment: Environment,
    options: Idempotent & { readonly eventTypes: readonly EventType[] },
  ): Promise<InsertResult<Environment>>;
  find(id: string): Promise<Environment | null>;
  /** All of them, by id; at most a few hundred. */
  list(): Promise<Environment[]>;
  /** Replaces the record, unless it was changed since `basedOn` (`stale`). Other nodes learn of it as of an application. */
  update(
    environment: Environment,
    options: { basedOn: Pick<Environment, "updatedAt"> },
  ): Promise<"updated" | "not_found" | "name_taken" | "stale">;
  /**
   * Hides it with everything in it, gives its name free and ends its background tasks, all at once: no read of it or of its
   * applications finds anything from then on, no credential of it is found. Other nodes learn of it as of a change.
   * False: there is none. Its rows stay for `purge`.
   */
  delete(query: { id: string; now: number }): Promise<boolean>;
  /** Those that are deleted and have rows left, with the time of their deletion. */
  listDeleted(): Promise<{ readonly id: string; readonly deletedAt: number }[]>;
  /**
   * Removes some rows of a deleted environment, at most `limit` of each table, among its applications behind `after`.
   * `gone`: how many went; 0 with `after` null is the end of a round. ENVIRONMENT_WATCH_MS after its deletion, applications
   * without rows go too, then its data key and itself. Several nodes may be at it.
   */
  purge(request: PurgeRequest): Promise<{ readonly gone: number; readonly after: string | null }>;
  /** The remembered answer of a control-plane POST, unless older than the idempotency window. */
  findAnswer(query: { environmentId: string; scope: string; now: number }): Promise<IdempotentAnswer | null>;
}

export interface PurgeRequest {
  readonly environmentId: string;
  readonly after: string | null;
  readonly now: number;
  readonly limit: number;
}

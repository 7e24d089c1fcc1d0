import { PosthasteError } from "@posthaste/core/domain/errors";
import type { Clock } from "@posthaste/core/runtime/runtime";
import type { UpdateResult } from "@posthaste/core/storage/port";

/** How often a change is made anew because the record changed between reading and writing. */
const CHANGE_TRIES_MAX = 5;

/**
 * Reads a stored record anew, changes it and writes it back. What another node, or a delivery, did meanwhile is seen by
 * the store, and the change is made again on top of it: two changes of different fields both stay.
 */
export async function changeRecord<Entity extends { readonly updatedAt: number }>({
  noun,
  clock,
  read,
  change,
  write,
}: {
  /** For the refusal: "endpoint". */
  noun: string;
  clock: Clock;
  read: () => Promise<Entity>;
  change: (stored: Entity) => Entity;
  write: (changed: Entity, basedOn: Entity) => Promise<UpdateResult | "stale">;
}): Promise<Entity> {
  for (let tries = 0; tries < CHANGE_TRIES_MAX; tries++) {
    const stored = await read();
    // Later than the last change even within one millisecond: that is how the store tells changes apart.
    const updatedAt = Math.max(clock.now(), stored.updatedAt + 1);
    const changed = { ...change(stored), updatedAt };
    const result = await write(changed, stored);
    if (result === "updated") return changed;
    if (result === "not_found") throw new PosthasteError("not_found");
    if (result === "uid_taken") throw uidTaken(noun);
  }
  throw new PosthasteError("conflict", `The ${noun} is being changed by others. Try again.`);
}

/** 409: another record has this uid. */
export function uidTaken(noun: string): PosthasteError {
  const where = noun === "endpoint" ? " of this application" : "";
  return new PosthasteError("conflict", `An ${noun}${where} with this uid already exists.`);
}

import { PosthasteError } from "@posthaste/core/domain/errors";
import type { EventType } from "@posthaste/core/domain/event-type";
import { LIST_MAX } from "@posthaste/core/domain/limits";
import { EVENT_TYPES_READ_MAX } from "../../http-limits.ts";
import type { Services } from "../../route.ts";

/** Every event type of the environment, archived ones too; refused where there are more than fit into one answer. */
export async function allEventTypes(environmentId: string, { store }: Services): Promise<EventType[]> {
  const found: EventType[] = [];
  let after: string | null = null;
  while (found.length <= EVENT_TYPES_READ_MAX) {
    const page = { limit: LIST_MAX, after, order: "ascending" } as const;
    const read: EventType[] = await store.eventTypes.list({ environmentId, page, includeArchived: true });
    found.push(...read);
    after = read.at(-1)?.name ?? null;
    if (read.length < LIST_MAX) return found;
  }
  throw new PosthasteError(
    "limit_reached",
    `The environment has more than ${EVENT_TYPES_READ_MAX} event types. Change them one by one.`,
  );
}

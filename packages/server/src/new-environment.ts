import { eventTypes } from "@posthaste/catalog";
import { type Environment, newEnvironment } from "@posthaste/core/domain/environment";
import type { EventType } from "@posthaste/core/domain/event-type";
import { ID_PREFIX } from "@posthaste/core/domain/ids";
import type { Runtime } from "@posthaste/core/runtime/runtime";

/** An environment that is to be stored, with the event types of the catalog. */
export function environmentWithCatalog(
  chosen: Pick<Environment, "name" | "type" | "retentionDays">,
  { ids, clock }: Pick<Runtime, "ids" | "clock">,
): { environment: Environment; eventTypes: EventType[] } {
  const createdAt = clock.now();
  const id = ids.next(ID_PREFIX.environment);
  return { environment: newEnvironment({ ...chosen, id, createdAt }), eventTypes: catalogOf(id, createdAt) };
}

function catalogOf(environmentId: string, now: number): EventType[] {
  return eventTypes.map(({ name, sentence, description, group, version, schema, example }) => ({
    environmentId,
    name,
    description: `${sentence}. ${description}`,
    archived: false,
    deprecated: false,
    schemas: { [version]: { ...schema, examples: [example] } },
    groupName: group,
    featureFlags: null,
    retryScheduleMs: null,
    createdAt: now,
    updatedAt: now,
  }));
}

import type { Application } from "@posthaste/core/domain/application";
import { PosthasteError } from "@posthaste/core/domain/errors";
import { ID_PREFIX } from "@posthaste/core/domain/ids";
import type { Idempotent, InsertResult } from "@posthaste/core/storage/port";
import type { Static } from "typebox";
import { changeRecord, uidTaken } from "../../change-record.ts";
import type { Services } from "../../route.ts";
import { assertMetadata, assertUid, type ApplicationIn } from "./schemas.ts";

export type ApplicationFields = Static<typeof ApplicationIn>;

/** What the schema cannot say. */
export function assertApplication(
  fields: Partial<ApplicationFields>,
  loc: readonly string[] = ["body"],
): void {
  assertUid(fields.uid, [...loc, "uid"]);
  assertMetadata(fields.metadata, [...loc, "metadata"]);
}

/** A new application with these fields, not stored yet. */
export function newApplication(
  fields: ApplicationFields,
  { environmentId, runtime }: { environmentId: string; runtime: Services["runtime"] },
): Application {
  const now = runtime.clock.now();
  return {
    id: runtime.ids.next(ID_PREFIX.application),
    environmentId,
    uid: fields.uid ?? null,
    name: fields.name,
    throttleRate: fields.throttleRate ?? null,
    metadata: fields.metadata ?? {},
    createdAt: now,
    updatedAt: now,
  };
}

/** Stores a new application and lets the engine know. */
export async function insertApplication(
  application: Application,
  { services, idempotent }: { services: Services; idempotent: Idempotent },
): Promise<InsertResult<Application>> {
  const result = await services.store.applications.insert(application, idempotent);
  if (result.kind === "inserted") await services.engine.applicationChanged(application.id);
  return result;
}

/** Changes a stored application on top of whatever it is by then, and lets the engine know. */
export function changeApplication(
  query: { environmentId: string; id: string },
  { services, change }: { services: Services; change: (stored: Application) => Application },
): Promise<Application> {
  const { environmentId, id } = query;
  const { store, runtime, engine } = services;
  return services.writes.run(id, async () => {
    const changed = await changeRecord({
      noun: "application",
      clock: runtime.clock,
      read: () => storedApplication({ environmentId, ref: id }, services),
      change,
      write: (application, basedOn) => store.applications.update(application, { basedOn }),
    });
    await engine.applicationChanged(id);
    return changed;
  });
}

/** 409: another application has this uid. */
export const applicationUidTaken = (): PosthasteError => uidTaken("application");

/** The stored application, read anew: for what is changed and written back. */
export async function storedApplication(
  query: { environmentId: string; ref: string },
  services: Services,
): Promise<Application> {
  const application = await services.store.applications.find(query);
  if (application === null) throw new PosthasteError("not_found");
  return application;
}

import { invalidField } from "@posthaste/core/domain/errors";
import type { Application, Metadata as MetadataValue } from "@posthaste/core/domain/application";
import { ID_PREFIX } from "@posthaste/core/domain/ids";
import { METADATA_MAX_BYTES } from "@posthaste/core/domain/limits";
import { toIso } from "@posthaste/core/domain/time";
import { Type } from "typebox";
import { idPattern } from "../../patterns.ts";
import { ApplicationId, Metadata, named, nullable, Text, ThrottleRate, Time, Uid } from "../fields.ts";

const throttleRate = Type.Optional(
  nullable({ ...ThrottleRate, description: "Attempts a second over all its endpoints; null = no limit." }),
);

export const ApplicationIn = named(
  "ApplicationIn",
  Type.Object({
    name: Type.String({ ...Text, minLength: 1, examples: ["Studio Lumen"] }),
    uid: Type.Optional(nullable(Uid)),
    throttleRate,
    metadata: Type.Optional(Metadata),
  }),
);

export const ApplicationPatch = named(
  "ApplicationPatch",
  Type.Object({
    name: Type.Optional(Type.String({ ...Text, minLength: 1 })),
    uid: Type.Optional(nullable(Uid)),
    throttleRate,
    metadata: Type.Optional(Metadata),
  }),
);

export const ApplicationOut = named(
  "ApplicationOut",
  Type.Object({
    id: ApplicationId,
    uid: nullable(Uid),
    name: Type.String(),
    throttleRate: nullable(ThrottleRate),
    metadata: Metadata,
    createdAt: Time,
    updatedAt: Time,
  }),
);

/** As the API shows it. */
export function applicationText(application: Application): string {
  return JSON.stringify({
    id: application.id,
    uid: application.uid,
    name: application.name,
    throttleRate: application.throttleRate,
    metadata: application.metadata,
    createdAt: toIso(application.createdAt),
    updatedAt: toIso(application.updatedAt),
  });
}

const LOOKS_LIKE_AN_ID = new RegExp(
  [ID_PREFIX.application, ID_PREFIX.endpoint, ID_PREFIX.message].map(idPattern).join("|"),
);

/** A uid in the form of an id could stand for two things at once. */
export function assertUid(uid: string | null | undefined, loc: readonly string[]): void {
  if (uid === null || uid === undefined || !LOOKS_LIKE_AN_ID.test(uid)) return;
  throw invalidField(loc, "Must not have the form of an id. Choose another name.");
}

/** Bounded by its size as stored. */
export function assertMetadata(metadata: MetadataValue | undefined, loc: readonly string[]): void {
  if (metadata === undefined) return;
  const bytes = Buffer.byteLength(JSON.stringify(metadata));
  if (bytes <= METADATA_MAX_BYTES) return;
  throw invalidField(loc, `Is ${bytes} bytes as JSON; at most ${METADATA_MAX_BYTES} are kept. Shorten it.`);
}

import { isDeepStrictEqual } from "node:util";
import { PosthasteError } from "@posthaste/core/domain/errors";
import type { EventType } from "@posthaste/core/domain/event-type";
import { Type } from "typebox";
import { jsonAnswer } from "../../answer.ts";
import { OPENAPI_EVENT_TYPES_MAX } from "../../http-limits.ts";
import { environmentRoute, type Services } from "../../route.ts";
import { Name, named, nullable } from "../fields.ts";
import { parseDocument, readEventTypes, type DescribedEventType } from "./openapi-document.ts";
import { allEventTypes } from "./all.ts";
import { changeEventType, newEventType } from "./schemas.ts";

const EventTypeImportOpenApiIn = named(
  "EventTypeImportOpenApiIn",
  Type.Object({
    spec: Type.Optional(
      Type.Unsafe<object | null>({
        type: ["object", "null"],
        additionalProperties: true,
        description: "The document.",
      }),
    ),
    specRaw: Type.Optional(
      nullable(Type.String({ description: "Instead: the document as text, JSON or YAML." })),
    ),
    dryRun: Type.Optional(
      Type.Boolean({ default: false, description: "Show what would change and change nothing." }),
    ),
    replaceAll: Type.Optional(
      Type.Boolean({
        default: false,
        description: "Archive the event types that the document does not have.",
      }),
    ),
  }),
);

const EventTypeFromOpenApi = named(
  "EventTypeFromOpenApi",
  Type.Object({
    name: Name,
    description: Type.String(),
    deprecated: Type.Boolean(),
    schemas: Type.Optional(
      Type.Unsafe<object | null>({ type: ["object", "null"], additionalProperties: true }),
    ),
    groupName: Type.Optional(nullable(Name)),
    featureFlags: Type.Optional(nullable(Type.Array(Name))),
  }),
);

const EventTypeImportOpenApiOut = named(
  "EventTypeImportOpenApiOut",
  Type.Object({
    data: Type.Object({
      modified: Type.Array(Name, {
        description: "What changed, or would with `dryRun`; archived ones included.",
      }),
      to_modify: Type.Unsafe<object[] | null>({
        type: ["array", "null"],
        items: EventTypeFromOpenApi,
        description: "With `dryRun`: what would be stored.",
      }),
    }),
  }),
);

export const importOpenapi = environmentRoute({
  method: "POST",
  path: "/api/v1/event-type/import/openapi",
  operationId: "v1.event-type.import-openapi",
  tag: "Event Type",
  scope: "write:event-type",
  summary: "Event Type Import From OpenAPI",
  description:
    "Makes an event type of each webhook in an OpenAPI document (`webhooks` or `x-webhooks`): its name is the key, its " +
    "schema that of the JSON request body, its group `x-svix-group-name`, its flags `x-svix-feature-flags`. What " +
    "exists is updated; a group, flags and other versions of the schema stay where the document does not say. " +
    `Importing twice changes nothing the second time. At most ${OPENAPI_EVENT_TYPES_MAX} webhooks.`,
  body: EventTypeImportOpenApiIn,
  answers: { 200: EventTypeImportOpenApiOut },
  async handle({ environmentId, body }, services) {
    const described = readBody(body);
    const changes = changesOf(described, {
      environmentId,
      stored: await allEventTypes(environmentId, services),
      now: services.runtime.clock.now(),
      replaceAll: body.replaceAll ?? false,
    });
    if (body.dryRun !== true) for (const each of changes) await apply(each, services);
    return jsonAnswer(200, {
      data: {
        modified: changes.map(({ result }) => result.name),
        to_modify: body.dryRun === true ? changes.map(({ result }) => shown(result)) : null,
      },
    });
  },
});

interface Change {
  /** The event type as it will be. */
  readonly result: EventType;
  /** The same, on top of whatever is stored by then. */
  readonly change: (stored: EventType) => EventType;
  readonly isNew: boolean;
}

/** What the import has to write: what is new, what differs, and with `replaceAll` what is to go. */
function changesOf(
  described: readonly DescribedEventType[],
  {
    environmentId,
    stored,
    now,
    replaceAll,
  }: { environmentId: string; stored: readonly EventType[]; now: number; replaceAll: boolean },
): Change[] {
  const others = new Map(stored.map((each) => [each.name, each]));
  const changes: Change[] = [];
  for (const each of described) {
    const { name, description } = each;
    const old = others.get(name);
    others.delete(name);
    const change = (base: EventType): EventType => merged(base, each);
    const result = change(old ?? newEventType({ description }, { environmentId, name, now }));
    if (old === undefined || !isDeepStrictEqual(old, result)) {
      changes.push({ result, change, isNew: old === undefined });
    }
  }
  const going = replaceAll ? [...others.values()].filter(({ archived }) => !archived) : [];
  return [...changes, ...going.map((old) => ({ result: archive(old), change: archive, isNew: false }))];
}

function archive(stored: EventType): EventType {
  return { ...stored, archived: true };
}

function readBody({
  spec,
  specRaw,
}: {
  spec?: object | null;
  specRaw?: string | null;
}): DescribedEventType[] {
  const given = [spec, specRaw].filter((each) => each !== undefined && each !== null);
  // The contract's status for it.
  if (given.length !== 1) {
    throw new PosthasteError("bad_request", "Give either `spec` or `specRaw`, one of them.");
  }
  if (typeof specRaw !== "string") return readEventTypes(spec, ["body", "spec"]);
  const loc = ["body", "specRaw"];
  return readEventTypes(parseDocument(specRaw, loc), loc);
}

function merged(stored: EventType, described: DescribedEventType): EventType {
  const { description, deprecated, schema, version, groupName, featureFlags } = described;
  return {
    ...stored,
    description,
    deprecated,
    archived: false,
    schemas: schema === null ? stored.schemas : { ...stored.schemas, [version]: schema },
    groupName: groupName ?? stored.groupName,
    featureFlags: featureFlags ?? stored.featureFlags,
  };
}

async function apply({ result, change, isNew }: Change, services: Services): Promise<void> {
  const { environmentId, name } = result;
  if (isNew) {
    const { kind } = await services.store.eventTypes.insert(result, {});
    if (kind === "inserted") return;
  }
  await changeEventType({ environmentId, name }, { services, change });
}

function shown({ name, description, deprecated, schemas, groupName, featureFlags }: EventType): object {
  return { name, description, deprecated, schemas, groupName, featureFlags };
}

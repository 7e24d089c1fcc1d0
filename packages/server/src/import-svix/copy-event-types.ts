import { type Copy, fits, pathOf, written } from "./copy.ts";
import { readEventType, type WireEventType } from "./wire.ts";

const LIST = "/event-type?include_archived=true&with_content=true";

/** All of them before any endpoint: an endpoint names only types that exist. */
export async function copyEventTypes(copy: Copy): Promise<void> {
  const there = new Map<string, object>();
  for await (const item of copy.to.list(LIST)) {
    const wire = readEventType(item);
    there.set(wire.name, wanted(wire));
  }
  for await (const item of copy.from.list(LIST)) {
    const wire = readEventType(item);
    await copyEventType(copy, wire, there.get(wire.name));
  }
}

async function copyEventType(copy: Copy, wire: WireEventType, there: object | undefined): Promise<void> {
  const { report, to } = copy;
  const body = wanted(wire);
  if (there !== undefined && fits(there, body)) return report.count("event types", "as before");
  const where = `event type ${wire.name}`;
  const write = () => to.send("PUT", pathOf("event-type", wire.name), body);
  const result = await written(copy, { where, what: "not copied", write });
  if (result === null) report.count("event types", "not copied");
  else report.count("event types", there === undefined ? "new" : "changed");
}

function wanted({
  description,
  archived,
  deprecated,
  schemas,
  groupName,
  featureFlags,
  featureFlag,
}: WireEventType) {
  const flags = featureFlags ?? (featureFlag ? [featureFlag] : null);
  return {
    description,
    archived: archived ?? false,
    deprecated: deprecated ?? false,
    schemas: schemas ?? null,
    groupName: groupName ?? null,
    featureFlags: flags !== null && flags.length > 0 ? flags : null,
  };
}

import { type Copy, fits, pathOf, uidOf, written } from "./copy.ts";
import { readHeaders, readSecret, readTransformation, type WireEndpoint } from "./wire.ts";

/** An endpoint that the target has already. */
export type There = WireEndpoint;

interface Place {
  readonly copy: Copy;
  /** In Svix and here, under `/api/v1`. */
  readonly source: string;
  readonly target: string;
  readonly where: string;
  /** False in a dry run for one that would be made. */
  readonly exists: boolean;
}

/** An endpoint with its secret, headers and transformation. */
export async function copyEndpoint(
  copy: Copy,
  {
    app,
    wire,
    known,
  }: { app: { uid: string; sourceId: string }; wire: WireEndpoint; known: readonly There[] },
): Promise<void> {
  const { report, from } = copy;
  const uid = uidOf(wire);
  const where = `application ${app.uid}, endpoint ${uid}`;
  const source = pathOf("app", app.sourceId, "endpoint", wire.id);
  const body = wanted(wire, uid);
  const found = await from.find(`${source}/secret`);
  // It was deleted while its application was being copied.
  if (found === null) return;
  const secret = readSecret(found).key;
  const signs = secret.startsWith("whpk");
  if (signs) {
    report.note(
      where,
      "it signs with ed25519, of which Svix gives the public half only: it has a new secret here.",
    );
  }
  const there = known.find((each) => each.uid === uid);
  const target = `${pathOf("app", app.uid)}/endpoint`;
  const place = { copy, source, target: `${target}${pathOf(uid)}`, where };
  if (there === undefined) {
    const write = () => copy.to.send("POST", target, signs ? body : { ...body, secret });
    const result = await written(copy, { where, what: "not copied", write });
    if (result === null) return report.count("endpoints", "not copied");
    await copyParts({ ...place, exists: result !== "dry" });
    return report.count("endpoints", "new");
  }
  const changes = [
    await copyFields({ ...place, exists: true }, body, there),
    !signs && (await copySecret({ ...place, exists: true }, secret)),
    await copyParts({ ...place, exists: true }),
  ];
  report.count("endpoints", changes.includes(true) ? "changed" : "as before");
}

function wanted(wire: WireEndpoint, uid: string) {
  return {
    url: wire.url,
    uid,
    description: wire.description ?? "",
    throttleRate: wire.throttleRate ?? wire.rateLimit ?? null,
    disabled: wire.disabled ?? false,
    eventTypes: wire.eventTypes ?? wire.filterTypes ?? null,
    channels: wire.channels ?? null,
    metadata: wire.metadata ?? {},
  };
}

/** Whether something was changed. What only this server knows of an endpoint stays. */
async function copyFields({ copy, target, where }: Place, body: object, there: There): Promise<boolean> {
  if (fits(there, body)) return false;
  const write = () => copy.to.send("PATCH", target, body);
  return (await written(copy, { where, what: "not changed", write })) !== null;
}

/** Both secrets sign for a day. */
async function copySecret({ copy, target, where }: Place, key: string): Promise<boolean> {
  const there = readSecret(await copy.to.find(`${target}/secret`));
  if (there.key === key) return false;
  const write = () => copy.to.send("POST", `${target}/secret/rotate`, { key });
  return (await written(copy, { where, what: "its secret was not copied", write })) !== null;
}

async function copyParts(place: Place): Promise<boolean> {
  const headers = await copyHeaders(place);
  const transformation = await copyTransformation(place);
  await noteCredentials(place);
  return headers || transformation;
}

async function copyHeaders({ copy, source, target, where, exists }: Place): Promise<boolean> {
  const found = await copy.from.find(`${source}/headers`);
  if (found === null) return false;
  const { headers, sensitive } = readHeaders(found);
  const there = exists
    ? readHeaders(await copy.to.find(`${target}/headers`))
    : { headers: {}, sensitive: [] as string[] };
  const has = new Set(there.sensitive.map((name) => name.toLowerCase()));
  for (const name of sensitive) {
    if (has.has(name.toLowerCase())) continue;
    copy.report.note(
      where,
      `the header ${name} was not copied: Svix does not show its value. Set it by hand.`,
    );
  }
  const gone = Object.keys(there.headers).filter((name) => !(name in headers));
  if (gone.length === 0 && fits(there.headers, headers)) return false;
  const body = { headers: { ...Object.fromEntries(gone.map((name) => [name, null])), ...headers } };
  const write = () => copy.to.send("PATCH", `${target}/headers`, body);
  return (await written(copy, { where, what: "its headers were not copied", write })) !== null;
}

async function copyTransformation({ copy, source, target, where, exists }: Place): Promise<boolean> {
  const found = await copy.from.find(`${source}/transformation`);
  if (found === null) return false;
  const { code, enabled, variables } = readTransformation(found);
  if (code === null || code === undefined) return false;
  const body = { code, enabled: enabled ?? false, variables: variables ?? null };
  const stored = exists ? await copy.to.find(`${target}/transformation`) : null;
  if (stored !== null && fits(readTransformation(stored), body)) return false;
  const write = () => copy.to.send("PATCH", `${target}/transformation`, body);
  const what = "its transformation was not copied, so it is sent the payload as it is";
  return (await written(copy, { where, what, write })) !== null;
}

const CREDENTIALS = {
  oauth: "OAuth",
  mtls: "mTLS",
  ca: "a certificate authority of its own",
} as const;

/** What an endpoint shows its receiver who it is by; Svix does not give it away. */
async function noteCredentials({ copy, source, where }: Place): Promise<void> {
  for (const [part, name] of Object.entries(CREDENTIALS)) {
    const found = await copy.from.find(`${source}/${part}`);
    const set = typeof found === "object" && found !== null && Object.values(found).some(isSet);
    if (set) copy.report.note(where, `it uses ${name}, which was not copied. Set it by hand.`);
  }
}

function isSet(value: unknown): boolean {
  return typeof value === "string" && value !== "";
}

import type { Api } from "./api.ts";
import { type Copy, fits, pathOf, uidOf, written } from "./copy.ts";
import { copyEndpoint, type There } from "./copy-endpoint.ts";
import { readApplication, readDestination, readEndpoint, readPage, type WireApplication } from "./wire.ts";

/** Applications that are copied side by side; the requests of each go one after the other. */
const APPLICATIONS_AT_ONCE = 8;

/** `onDone` is called after each, with how many there were. */
export async function copyApplications(copy: Copy, onDone: (count: number) => void): Promise<void> {
  const applications = copy.from.list("/app");
  let done = 0;
  const worker = async (): Promise<void> => {
    for (;;) {
      const next = await applications.next();
      if (next.done === true) return;
      await copyApplication(copy, readApplication(next.value));
      onDone(++done);
    }
  };
  // One that stops lets the others finish what they have begun.
  const results = await Promise.allSettled(Array.from({ length: APPLICATIONS_AT_ONCE }, worker));
  for (const result of results) if (result.status === "rejected") throw result.reason;
}

async function copyApplication(copy: Copy, wire: WireApplication): Promise<void> {
  const { report, to, from } = copy;
  const uid = uidOf(wire);
  const where = `application ${uid}`;
  const body = {
    name: wire.name,
    uid,
    throttleRate: wire.throttleRate ?? wire.rateLimit ?? null,
    metadata: wire.metadata ?? {},
  };
  const found = await to.find(pathOf("app", uid));
  const there = found === null ? null : readApplication(found);
  if (there !== null && fits(there, body)) report.count("applications", "as before");
  else {
    const write = () =>
      there === null ? to.send("POST", "/app", body) : to.send("PATCH", pathOf("app", uid), body);
    const result = await written(copy, { where, what: "not copied, nor its endpoints", write });
    if (result === null) return report.count("applications", "not copied");
    report.count("applications", there === null ? "new" : "changed");
  }
  const known = there === null && copy.dryRun ? [] : await endpointsOf(to, uid);
  for await (const item of from.list(`${pathOf("app", wire.id)}/endpoint`)) {
    await copyEndpoint(copy, { app: { uid, sourceId: wire.id }, wire: readEndpoint(item), known });
  }
  await noteDestinations(copy, wire.id, where);
}

async function endpointsOf(to: Api, uid: string): Promise<There[]> {
  const found: There[] = [];
  for await (const item of to.list(`${pathOf("app", uid)}/endpoint`)) found.push(readEndpoint(item));
  return found;
}

/** Polling endpoints, queues, buckets and the like keep a place of their own, which cannot be taken over. */
async function noteDestinations({ from, report }: Copy, appId: string, where: string): Promise<void> {
  const page = await from.find(`${pathOf("app", appId)}/destination?limit=250`);
  if (page === null) return;
  for (const item of readPage(page).data) {
    const { id, uid, type } = readDestination(item);
    report.note(
      `${where}, destination ${uid ?? id}`,
      `${type ?? "of another kind"}: not copied. Make it by hand.`,
    );
  }
}

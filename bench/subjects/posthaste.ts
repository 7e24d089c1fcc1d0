import { end, makeFolder, removeFolder } from "../children.ts";
import { nowMicros, sleep } from "../clock.ts";
import { API_KEY, type PosthasteNode, startNode } from "./posthaste-node.ts";
import { appUid, type Subject, type SubjectOptions } from "./subject.ts";

const DEFAULT_TIMEOUT_SECONDS = 30;
const RECORDED_MS = 10_000;
const OWED = "posthaste_due_deliveries";
const SUCCEEDED = 'posthaste_attempts_total{outcome="success",class="2xx"}';
/** Attempts looked at one by one at each endpoint, at the end. */
const SPOT_CHECK = 5;

export interface Posthaste extends Subject {
  /** Microseconds of the shared clock. */
  readonly spawnedAt: number;
  readonly readyAt: number;
  readonly folder: string;
  readonly pending: () => Promise<number>;
  /** kill -9; the data stays. */
  readonly kill: () => Promise<void>;
}

/** One node on SQLite, with an empty data folder. */
export async function startPosthaste(
  { endpointUrls, dataDir }: SubjectOptions,
  timeoutSeconds = DEFAULT_TIMEOUT_SECONDS,
): Promise<Posthaste> {
  const posthaste = await openPosthaste(makeFolder(dataDir, "posthaste"), endpointUrls.length);
  await addEndpoints(posthaste.node, { endpointUrls, timeoutSeconds });
  return posthaste;
}

/** Starts the server on a folder that may hold data already. */
export async function openPosthaste(
  folder: string,
  applications: number,
): Promise<Posthaste & { readonly node: PosthasteNode }> {
  const node = await startNode(folder, ["--data", `${folder}/data`]);
  const { spawnedAt, readyAt, child } = node;
  return {
    ...subjectOf([node], applications),
    node,
    spawnedAt,
    readyAt,
    folder,
    pending: () => pendingOf(node),
    kill: () => end(child, "SIGKILL"),
    stop: async () => {
      await end(child);
      removeFolder(folder);
    },
  };
}

/** What does not depend on where the nodes keep their data. */
export function subjectOf(nodes: readonly PosthasteNode[], applications: number): Omit<Subject, "stop"> {
  const ports = nodes.map(({ port }) => port);
  return {
    ports,
    apiKey: API_KEY,
    pids: () => nodes.map(({ child }) => child.pid ?? 0),
    checkRecorded: (delivered) => checkRecorded(nodes, { delivered, applications }),
  };
}

/** An application with one endpoint for each URL. */
export async function addEndpoints(
  { client }: PosthasteNode,
  {
    endpointUrls,
    timeoutSeconds = DEFAULT_TIMEOUT_SECONDS,
  }: { endpointUrls: readonly string[]; timeoutSeconds?: number },
): Promise<void> {
  await inParallel(endpointUrls.length, async (app) => {
    await client.post("/app", { name: `Bench ${app}`, uid: appUid(app) });
    await client.post(`/app/${appUid(app)}/endpoint`, {
      url: endpointUrls[app],
      uid: endpointUid(app),
      timeoutSeconds,
    });
  });
}

async function pendingOf({ client }: PosthasteNode): Promise<number> {
  // A scrape may show what the one before it read; the second is of now.
  await client.getText("/metrics");
  return metricIn(await client.getText("/metrics"), OWED);
}

async function checkRecorded(
  nodes: readonly PosthasteNode[],
  { delivered, applications }: { delivered: number; applications: number },
): Promise<void> {
  const [first] = nodes;
  if (first === undefined) throw new Error("no node");
  const until = nowMicros() + RECORDED_MS * 1000;
  for (let left = await pendingOf(first); left > 0; left = await pendingOf(first)) {
    if (nowMicros() > until) throw new Error(`Posthaste says that ${left} deliveries are pending`);
    await sleep(100);
  }
  let succeeded = 0;
  for (const { client } of nodes) succeeded += metricIn(await client.getText("/metrics"), SUCCEEDED);
  if (succeeded < delivered) throw new Error(`${delivered} were delivered, Posthaste knows of ${succeeded}`);
  for (let app = 0; app < applications; app += 1) {
    const path = `/app/${appUid(app)}/attempt/endpoint/${endpointUid(app)}?limit=${SPOT_CHECK}`;
    const attempts = listIn(await first.client.get(path), "data");
    const good = attempts.filter(
      (attempt) => numberIn(attempt, "status") === 0 && numberIn(attempt, "responseStatusCode") === 204,
    );
    if (attempts.length === 0 || good.length < attempts.length) {
      throw new Error(`attempts of ${appUid(app)} are not all recorded as delivered`);
    }
  }
}

export function endpointUid(app: number): string {
  return `bench-endpoint-${app}`;
}

async function inParallel(count: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: 8 }, worker));
}

function fieldOf(value: unknown, field: string): unknown {
  return typeof value === "object" && value !== null
    ? Object.entries(value).find(([name]) => name === field)?.[1]
    : undefined;
}

function numberIn(value: unknown, field: string): number {
  const found = fieldOf(value, field);
  if (typeof found !== "number")
    throw new Error(`an answer has no number "${field}": ${JSON.stringify(value)}`);
  return found;
}

function listIn(value: unknown, field: string): readonly unknown[] {
  const found = fieldOf(value, field);
  if (!Array.isArray(found)) throw new Error(`an answer has no list "${field}": ${JSON.stringify(value)}`);
  return found;
}

function metricIn(text: string, name: string): number {
  const line = text.split("\n").find((candidate) => candidate.startsWith(`${name} `));
  if (line === undefined) throw new Error(`the metrics have no ${name}`);
  return Number(line.slice(name.length + 1));
}

/**
 * `npm run demo`: a creator's day, played through the real program in about ten seconds. Starts Posthaste on
 * SQLite, makes the applications of the scenario with a healthy, a flaky and a dead destination, sends every
 * event through the HTTP API, verifies the signatures where they arrive, prints what happened and ends.
 */
import { creatorsDay, findEventType, readPersonFields, type ScenarioStep } from "@posthaste/catalog";
import { Api } from "./api.ts";
import { Receiver } from "./receiver.ts";
import { formatTable } from "./table.ts";
import { freePort, ServerProcess } from "../e2e/testing/server-process.ts";

const RETRY_SCHEDULE = "400ms,800ms,1600ms";
/** Between two events: slow enough to read along. */
const PACE_MS = 60;
const SETTLE_TIMEOUT_MS = 30_000;

interface Destination {
  readonly name: string;
  readonly kind: "healthy" | "flaky" | "dead";
  readonly appUid: string;
  readonly endpointId: string;
}

interface AttemptOut {
  readonly msgId: string;
  readonly status: number;
  readonly responseStatusCode: number;
}

async function main(): Promise<void> {
  console.log(`\n  Posthaste demo — ${creatorsDay.title.toLowerCase()}: ${creatorsDay.description}\n`);
  const receiver = new Receiver();
  await receiver.listen();
  const server = new ServerProcess(["--dev", "--log-level", "error", "--retry-schedule", RETRY_SCHEDULE]);
  try {
    await server.start();
    const api = new Api(server.url, server.key);
    const destinations = await setUp(api, receiver);
    await playTheDay(api);
    console.log("\n  The day is over. Waiting for the last retries…\n");
    const attempts = await allSettled(api, destinations);
    report(destinations, attempts, receiver);
  } finally {
    await server.end();
    await server.remove();
    receiver.close();
  }
}

async function setUp(api: Api, receiver: Receiver): Promise<Destination[]> {
  const applications = new Map(creatorsDay.steps.map(({ application }) => [application.uid, application]));
  for (const application of applications.values()) await api.post("/app", application);
  const destinations: Destination[] = [];
  const add = async (kind: Destination["kind"], appUid: string, settings: object): Promise<void> => {
    const name = `${kind}-${appUid}`;
    const { id } = await api.post<{ id: string }>(`/app/${appUid}/endpoint`, {
      uid: name,
      url: receiver.url(name),
      ...settings,
    });
    const { key } = await api.get<{ key: string }>(`/app/${appUid}/endpoint/${id}/secret`);
    receiver.trust(name, key);
    destinations.push({ name, kind, appUid, endpointId: id });
  };
  for (const uid of applications.keys()) await add("healthy", uid, { description: "the creator's own site" });
  await add("flaky", "mira-yoga", { description: "answers 500 to every second event at first" });
  await add("dead", "light-and-lens", {
    description: "nothing listens there",
    url: `http://127.0.0.1:${await freePort()}/hook`,
    eventTypes: ["order.refunded", "chargeback.received"],
  });
  return destinations;
}

async function playTheDay(api: Api): Promise<void> {
  for (const step of creatorsDay.steps) {
    const { application, eventType, payload, channels } = step;
    await api.post(`/app/${application.uid}/msg`, { eventType, payload, ...(channels ? { channels } : {}) });
    console.log(`  ${clock(step)}  ${application.name.padEnd(24)} ${eventType.padEnd(26)} ${sentence(step)}`);
    await pause(PACE_MS);
  }
}

function clock({ payload }: ScenarioStep): string {
  return payload.timestamp.slice(11, 16);
}

function sentence({ eventType, payload }: ScenarioStep): string {
  const type = findEventType(eventType);
  const [first] = type ? readPersonFields(type.personFields, payload) : [];
  return `${type?.sentence ?? ""}${typeof first?.value === "string" ? ` (${first.value})` : ""}`;
}

/** Until every delivery has ended: delivered, or its schedule used up. */
async function allSettled(
  api: Api,
  destinations: readonly Destination[],
): Promise<Map<string, AttemptOut[]>> {
  const expected = RETRY_SCHEDULE.split(",").length + 1;
  for (let waitedMs = 0; ; waitedMs += 200) {
    const attempts = new Map<string, AttemptOut[]>();
    for (const destination of destinations)
      attempts.set(destination.name, await attemptsOf(api, destination));
    const open = [...attempts.values()].flatMap((list) => openMessages(list, expected));
    if ((open.length === 0 && waitedMs > 0) || waitedMs > SETTLE_TIMEOUT_MS) return attempts;
    await pause(200);
  }
}

async function attemptsOf(api: Api, { appUid, endpointId }: Destination): Promise<AttemptOut[]> {
  const { data } = await api.get<{ data: AttemptOut[] }>(
    `/app/${appUid}/attempt/endpoint/${endpointId}?limit=250`,
  );
  return data;
}

function openMessages(attempts: readonly AttemptOut[], attemptsMax: number): string[] {
  const ids = new Set(attempts.map(({ msgId }) => msgId));
  return [...ids].filter((id) => {
    const own = attempts.filter(({ msgId }) => msgId === id);
    return !own.some(({ status }) => status === 0) && own.length < attemptsMax;
  });
}

function report(
  destinations: readonly Destination[],
  attempts: ReadonlyMap<string, AttemptOut[]>,
  receiver: Receiver,
): void {
  const rows = destinations.map(({ name, kind, appUid }) => {
    const own = attempts.get(name) ?? [];
    const messages = new Set(own.map(({ msgId }) => msgId)).size;
    const delivered = own.filter(({ status }) => status === 0).length;
    const { requests, verified } = receiver.tally(name);
    return [appUid, kind, messages, own.length, delivered, messages - delivered, `${verified}/${requests}`];
  });
  console.log(
    formatTable(
      ["application", "destination", "events", "attempts", "delivered", "failed", "signatures verified"],
      rows,
    ),
  );
  const sum = (column: number): number => rows.reduce((total, row) => total + Number(row[column]), 0);
  console.log(
    `\n  ${creatorsDay.steps.length} events became ${sum(2)} deliveries: ${sum(4)} landed, ${sum(5)} failed after ` +
      `${RETRY_SCHEDULE.split(",").length + 1} attempts each and stay visible as failed.\n`,
  );
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

await main();

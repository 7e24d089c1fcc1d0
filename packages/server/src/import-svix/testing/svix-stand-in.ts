import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { loadSvixContract } from "../../testing/svix-contract.ts";

type Json = Readonly<Record<string, unknown>>;

interface StandInEndpoint extends Json {
  readonly id: string;
  readonly secret: string;
  readonly headers?: Json;
  readonly sensitive?: readonly string[];
  readonly transformation?: Json;
  readonly oauth?: Json;
}

interface StandInApplication extends Json {
  readonly id: string;
  readonly endpoints: readonly StandInEndpoint[];
  readonly destinations?: readonly Json[];
}

/** What a stand-in for Svix holds; tests change it between runs. */
export interface StandInData {
  eventTypes: Json[];
  applications: StandInApplication[];
}

export const SVIX_TOKEN = "testsk_stand-in.eu";
const TIMES = { createdAt: "2026-01-01T00:00:00Z", updatedAt: "2026-01-01T00:00:00Z" };

/** As little of Svix as the import asks for, each answer held against Svix's own contract where that is at hand. */
export async function startStandIn(data: StandInData) {
  const contract = loadSvixContract();
  const faults: string[] = [];
  const paths: string[] = [];
  const standIn = {
    url: "",
    data,
    faults,
    /** Method and path of all that was asked. */
    paths,
    /** Answers instead, when it returns something. */
    interfere: (_path: string): { status: number; headers?: Record<string, string> } | null => null,
    close: () => new Promise((resolve) => server.close(resolve)),
  };
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://svix.test");
    paths.push(`${request.method} ${url.pathname}`);
    const other = standIn.interfere(url.pathname);
    if (other !== null) {
      response.writeHead(other.status, other.headers).end("{}");
      return;
    }
    const [status, body] = answer(request, url, standIn.data);
    const fault = contract?.faults(request.method ?? "GET", url.pathname, { status, body });
    if (fault) faults.push(`${url.pathname} ${status}: ${fault}`);
    send(response, status, body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  standIn.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return standIn;
}

export type StandIn = Awaited<ReturnType<typeof startStandIn>>;

function answer(request: IncomingMessage, url: URL, data: StandInData): [status: number, body: unknown] {
  if (request.headers.authorization !== `Bearer ${SVIX_TOKEN}`)
    return [401, problem("authentication_failed")];
  const [noun, appId, sub, id, part] = url.pathname.replace("/api/v1/", "").split("/");
  if (noun === "event-type") {
    const types = data.eventTypes.map((each) => ({ deprecated: false, ...TIMES, ...each }));
    return page(types, url, "name");
  }
  if (appId === undefined) {
    const apps = data.applications.map((each) => ({
      metadata: {},
      ...TIMES,
      ...without(each, ["endpoints", "destinations"]),
    }));
    return page(apps, url, "id");
  }
  const application = data.applications.find((each) => each.id === appId);
  if (application === undefined) return [404, problem("not_found")];
  if (sub === "destination") return page(application.destinations ?? [], url, "id");
  if (id === undefined) return page(application.endpoints.map(shown), url, "id");
  const endpoint = application.endpoints.find((each) => each.id === id);
  if (endpoint === undefined) return [404, problem("not_found")];
  if (part === "secret") return [200, { key: endpoint.secret }];
  const { headers = {}, sensitive = [], transformation, oauth } = endpoint;
  if (part === "headers") return [200, { headers, sensitive }];
  if (part === "transformation") return [200, transformation ?? { code: null, enabled: false }];
  if (part === "oauth" && oauth !== undefined) return [200, oauth];
  return [404, problem("not_found")];
}

function shown(endpoint: StandInEndpoint): Json {
  const parts = ["secret", "headers", "sensitive", "transformation", "oauth"];
  return { description: "", metadata: {}, ...TIMES, ...without(endpoint, parts) };
}

function without(item: Json, names: readonly string[]): Json {
  return Object.fromEntries(Object.entries(item).filter(([name]) => !names.includes(name)));
}

function page(items: readonly Json[], url: URL, key: string): [status: number, body: unknown] {
  const limit = Number(url.searchParams.get("limit") ?? 50);
  const after = url.searchParams.get("iterator");
  const rest = items.slice(after === null ? 0 : items.findIndex((item) => item[key] === after) + 1);
  const data = rest.slice(0, limit);
  const iterator = data.at(-1)?.[key] ?? null;
  return [200, { data, iterator, prevIterator: null, done: rest.length <= limit }];
}

function problem(code: string): Json {
  return { code, detail: `${code}.` };
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

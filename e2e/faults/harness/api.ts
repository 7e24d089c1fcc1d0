/** The public API, as a client of it sees it. */
export interface Target {
  readonly url: string;
  readonly key: string;
}

export interface AttemptRow {
  readonly id: string;
  readonly msgId: string;
  readonly statusText: string;
  readonly responseStatusCode: number;
}

/** Nothing the suites ask takes this long; a server that hangs is an answer of its own. */
const CALL_TIMEOUT_MS = 60_000;
const PAGE = 250;

export class Refused extends Error {
  readonly status: number;

  constructor(what: string, status: number, text: string) {
    super(`${what}: ${status} ${text.slice(0, 300)}`);
    this.status = status;
  }
}

export async function call<Answer = unknown>(
  { url, key }: Target,
  method: string,
  path: string,
  options: { body?: string | object; idempotencyKey?: string; timeoutMs?: number } = {},
): Promise<Answer> {
  const { body } = options;
  const response = await fetch(`${url}/api/v1${path}`, {
    method,
    signal: AbortSignal.timeout(options.timeoutMs ?? CALL_TIMEOUT_MS),
    headers: {
      authorization: `Bearer ${key}`,
      "content-type": "application/json",
      ...(options.idempotencyKey === undefined ? {} : { "idempotency-key": options.idempotencyKey }),
    },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Refused(`${method} ${path}`, response.status, text);
  return (text === "" ? null : JSON.parse(text)) as Answer;
}

/** Every page of a list. */
export async function listAll<Item>(target: Target, path: string): Promise<Item[]> {
  const items: Item[] = [];
  let iterator: string | null = null;
  do {
    const query: string = iterator === null ? "" : `&iterator=${encodeURIComponent(iterator)}`;
    const joint = path.includes("?") ? "&" : "?";
    const page: { data: Item[]; done: boolean; iterator: string | null } = await call(
      target,
      "GET",
      `${path}${joint}limit=${PAGE}${query}`,
    );
    items.push(...page.data);
    iterator = page.done ? null : page.iterator;
  } while (iterator !== null);
  return items;
}

export function listAttempts(target: Target, app: string, endpoint: string): Promise<AttemptRow[]> {
  return listAll(
    target,
    `/app/${app}/attempt/endpoint/${endpoint}?with_content=false&expanded_statuses=true`,
  );
}

/** One number of the metrics page; NaN when the page cannot be had. */
export async function metric({ url }: Target, name: string): Promise<number> {
  const response = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(CALL_TIMEOUT_MS) }).catch(
    () => null,
  );
  if (!response?.ok) return Number.NaN;
  const line = (await response.text()).split("\n").find((one) => one.startsWith(`${name} `));
  return line === undefined ? Number.NaN : Number(line.slice(name.length + 1));
}

import { connect, type Socket } from "node:net";
import { Svix } from "svix";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { CREDENTIAL_CACHE_MS, HEADERS_TIMEOUT_MS, KEEP_ALIVE_TIMEOUT_MS } from "../http-limits.ts";
import { Quotas } from "../quotas.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";

let server: TestServer;
let ana: string;
beforeAll(async () => {
  server = await startTestServer();
  ana = await server.application({ uid: "ana" });
  await server.endpoint(ana, { uid: "site" });
  await server.message(ana, { eventId: "taken" });
});
afterAll(() => server.close());

let nodes: TestServer[] = [];
/** Listens for the time of one test. */
async function listening(
  changes?: Parameters<TestServer["another"]>[0],
): Promise<{ node: TestServer; port: number }> {
  const node = await server.another(changes);
  await node.app.listen({ host: "127.0.0.1", port: 0 });
  nodes.push(node);
  return { node, port: (node.app.server.address() as { port: number }).port };
}
let clients: Client[] = [];
afterEach(async () => {
  for (const client of clients) client.socket.destroy();
  await Promise.all(nodes.map(({ app }) => app.close()));
  clients = [];
  nodes = [];
});

/** One answer as it came over the wire. */
interface Reply {
  readonly head: string;
  readonly status: number;
  readonly body: string;
}

/** A connection that sends what it is told to and reads answers one by one. */
class Client {
  readonly socket: Socket;
  #received = "";
  closed = false;
  readonly #waiters: (() => void)[] = [];

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk) => {
      this.#received += chunk.toString("latin1");
      this.#wake();
    });
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.closed = true;
      this.#wake();
    });
  }

  static open(port: number, options: { allowHalfOpen?: boolean } = {}): Promise<Client> {
    return new Promise((resolve) => {
      const socket = connect({ port, host: "127.0.0.1", noDelay: true, ...options }, () => resolve(client));
      const client = new Client(socket);
      clients.push(client);
    });
  }

  send(...parts: (string | Buffer)[]): this {
    for (const part of parts) this.socket.write(part);
    return this;
  }

  async reply(): Promise<Reply> {
    for (;;) {
      const found = /^HTTP\/1\.1 ([0-9]{3})[^]*?\r\ncontent-length: ([0-9]+)[^]*?\r\n\r\n/i.exec(
        this.#received,
      );
      const end = found === null ? 0 : found[0].length + Number(found[2]);
      if (found !== null && this.#received.length >= end) {
        const body = this.#received.slice(found[0].length, end);
        this.#received = this.#received.slice(end);
        return { head: found[0], status: Number(found[1]), body };
      }
      if (this.closed) throw new Error(`closed after: ${this.#received}`);
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    }
  }

  async end(): Promise<string> {
    while (!this.closed) await new Promise<void>((resolve) => this.#waiters.push(resolve));
    return this.#received;
  }

  #wake(): void {
    for (const waiter of this.#waiters.splice(0)) waiter();
  }
}

interface Sent {
  readonly app?: string;
  readonly body?: string;
  readonly key?: string;
  readonly query?: string;
  readonly headers?: readonly string[];
}

const EVENT = '{"eventType":"order.completed","payload":{"a":1}}';
function post({
  app = "ana",
  body = EVENT,
  key = server.live.key,
  query = "",
  headers = [],
}: Sent = {}): string {
  return [
    `POST /api/v1/app/${app}/msg${query} HTTP/1.1`,
    "host: 127.0.0.1",
    `authorization: Bearer ${key}`,
    "content-type: application/json",
    `content-length: ${Buffer.byteLength(body)}`,
    ...headers,
    "",
    body,
  ].join("\r\n");
}
/** The same to whoever answers, but for Node's own parser only. */
const UNUSUAL = "te: trailers";
const LIST = (): string =>
  `GET /api/v1/app/ana/msg?limit=1 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${server.live.key}\r\n\r\n`;

/** What is of its own in every answer. */
const common = ({ head, body }: Reply): string =>
  (head + body)
    .replace(/Date: [^\r]+/, "Date: …")
    .replaceAll(/msg_[0-9A-Za-z]{27}/g, "msg_…")
    .replaceAll(/"timestamp":"[^"]+"/g, '"timestamp":"…"');

describe("a message over a connection", () => {
  let port: number;
  let node: TestServer;
  beforeEach(async () => {
    ({ node, port } = await listening());
  });

  it.each<[string, number, Sent]>([
    ["is accepted", 202, {}],
    ["is accepted without its content", 202, { query: "?with_content=false" }],
    ["of another event type is accepted", 202, { body: '{"eventType":"x.y","payload":{}}' }],
    ["with half a body is refused", 400, { body: '{"eventType":"order.completed"' }],
    ["with no body is refused", 400, { body: "" }],
    ["with a header of no concern is accepted", 202, { headers: ["x-a: b"] }],
    ["without an event type is refused", 422, { body: '{"payload":{}}' }],
    ["of an application that is not there is refused", 404, { app: "nobody" }],
    ["with an event id that is taken is refused", 409, { body: `{"eventId":"taken",${EVENT.slice(1)}` }],
    ["with a key that nobody has is refused", 401, { key: "phk_live_000000000000000000000000000000" }],
    ["with no key at all is refused", 401, { key: "" }],
  ])("%s: byte for byte as by Node's server", async (_what, status, sent) => {
    let byNode = 0;
    node.app.server.on("request", () => void (byNode += 1));
    const plain = await (await Client.open(port)).send(post(sent)).reply();
    expect(byNode).toBe(0);
    const headers = [...(sent.headers ?? []), UNUSUAL];
    const other = await (await Client.open(port)).send(post({ ...sent, headers })).reply();
    expect(byNode).toBe(1);
    expect(plain.status).toBe(status);
    expect(common(plain)).toBe(common(other));
  });

  it("of Svix's own client comes in the usual form", async () => {
    let byNode = 0;
    node.app.server.on("request", () => void (byNode += 1));
    const svix = new Svix(server.live.key, { serverUrl: `http://127.0.0.1:${port}` });
    for (let round = 0; round < 3; round++) {
      const { id } = await svix.message.create("ana", { eventType: "order.completed", payload: { round } });
      const stored = await node.call("GET", `/api/v1/app/ana/msg/${id}`);
      expect(stored.json).toMatchObject({ payload: { round } });
    }
    expect(byNode).toBe(0);
  });

  it("is stored, and its answer says as what", async () => {
    const { body } = await (await Client.open(port)).send(post()).reply();
    const { id } = JSON.parse(body) as { id: string };
    const stored = await node.call("GET", `/api/v1/app/ana/msg/${id}`);
    expect(stored.json).toMatchObject({ id, eventType: "order.completed", payload: { a: 1 } });
  });

  it("with an Idempotency-Key is the same on both ways", async () => {
    const headers = ["idempotency-key: once"];
    const client = await Client.open(port);
    const first = await client.send(post({ headers })).reply();
    const again = await client.send(post({ headers })).reply();
    const other = await client.send(post({ headers: [...headers, UNUSUAL] })).reply();
    const conflict = await (
      await Client.open(port)
    )
      .send(post({ headers, body: EVENT.replace("1", "2") }))
      .reply();
    expect(again.body).toBe(first.body);
    expect(other.body).toBe(first.body);
    expect(conflict.status).toBe(409);
  });

  it("is counted once by the quotas, and refused as by Node's server", async () => {
    let refused = 0;
    const quotas = new Quotas(
      { keyRequestsPerS: 1, tokenRequestsPerS: null, appMessagesPerS: null },
      { clock: server.runtime.clock, onRefused: () => void (refused += 1) },
    );
    const limited = await listening({ quotas });
    const client = await Client.open(limited.port);
    const replies = [await client.send(post({ headers: [UNUSUAL] })).reply()];
    const plain = await Client.open(limited.port);
    while (replies.at(-1)?.status === 202) replies.push(await plain.send(post()).reply());
    const last = await client.send(post()).reply();
    // As many as a burst has, and one that is refused.
    expect(replies).toHaveLength(11);
    expect(refused).toBe(2);
    expect(last.status).toBe(429);
    expect(common(replies.at(-1)!)).toBe(common(last));
  });

  it("of a token for one application is let in, and into no other", async () => {
    const other = await server.application({});
    const path = "/api/v1/auth/app/ana/create-message-token";
    const made = await node.call("POST", path, { body: { name: "shop" } });
    const { token: key } = made.json as unknown as { token: string };
    const client = await Client.open(port);
    expect((await client.send(post({ key, headers: [UNUSUAL] })).reply()).status).toBe(202);
    for (const [app, status] of [
      ["ana", 202],
      [other, 404],
    ] as const) {
      const plain = await Client.open(port);
      expect((await plain.send(post({ key, app })).reply()).status).toBe(status);
    }
  });

  it("stays on its way when the key has to be looked up again, also when that is in vain", async () => {
    let byNode = 0;
    node.app.server.on("request", () => void (byNode += 1));
    const client = await Client.open(port);
    expect((await client.send(post()).reply()).status).toBe(202);
    await server.runtime.advance(2 * CREDENTIAL_CACHE_MS);
    expect((await client.send(post()).reply()).status).toBe(202);
    expect((await client.send(post({ key: "phk_live_0123456789abcdefghij0000000000" })).reply()).status).toBe(
      401,
    );
    expect((await client.send(post()).reply()).status).toBe(202);
    expect(byNode).toBe(0);
  });

  it("may be cut into two pieces anywhere", async () => {
    const text = post({ query: "?with_content=false" });
    const places = Array.from({ length: text.length - 1 }, (_, at) => at + 1).filter((at) => at % 7 === 0);
    for (const at of places) {
      const client = await Client.open(port);
      client.send(text.slice(0, at));
      await new Promise((resolve) => setImmediate(resolve));
      expect((await client.send(text.slice(at)).reply()).status, `cut at ${at}`).toBe(202);
      client.socket.destroy();
    }
  });

  it("leaves the connection to other requests, before and after", async () => {
    const client = await Client.open(port);
    const statuses: number[] = [];
    for (const text of [post(), post(), LIST(), post(), LIST(), post()]) {
      statuses.push((await client.send(text).reply()).status);
    }
    expect(statuses).toEqual([202, 202, 200, 202, 200, 202]);
  });

  it("keeps its turn among those that are sent at once", async () => {
    const client = await Client.open(port);
    const texts = Array.from({ length: 12 }, (_, index) =>
      post({ body: `{"eventType":"turn.n${index}","payload":{}}` }),
    );
    // Alone, two and more in one piece, with another kind among them.
    client.send(texts[0]!);
    client.send(texts[1]!);
    client.send(texts.slice(2, 5).join(""));
    client.send(LIST() + texts[5]!);
    for (const text of texts.slice(6)) client.send(text);
    const types: string[] = [];
    for (let index = 0; index < texts.length + 1; index++) {
      types.push(/"eventType":"(turn\.n[0-9]+)"/.exec((await client.reply()).body)?.[1] ?? "list");
    }
    const all = texts.map((_, index) => `turn.n${index}`);
    // The list shows one message, some turn's: its place is the sixth.
    expect(types.filter((_, index) => index !== 5)).toEqual(all);
  });

  it("is answered although its sender has ended, and then the connection ends", async () => {
    for (const wait of [0, 1]) {
      const client = await Client.open(port, { allowHalfOpen: true });
      client.send(post());
      for (let round = 0; round < wait; round++) await new Promise((resolve) => setImmediate(resolve));
      client.socket.end();
      expect((await client.reply()).status).toBe(202);
      expect(await client.end()).toBe("");
    }
  });

  it("is stored although its sender has gone", async () => {
    const before = await node.call("GET", "/api/v1/app/ana/msg?event_types=gone.away");
    expect(before.json.data).toEqual([]);
    const client = await Client.open(port);
    client.send(post({ body: '{"eventType":"gone.away","payload":{}}' }));
    await server.until(async () => {
      const { json } = await node.call("GET", "/api/v1/app/ana/msg?event_types=gone.away");
      client.socket.resetAndDestroy();
      return json.data.length === 1;
    });
    expect((await (await Client.open(port)).send(post()).reply()).status).toBe(202);
  });

  it("waits for a sender who does not read", async () => {
    const client = await Client.open(port);
    client.socket.pause();
    const body = `{"eventType":"big","payload":{"a":"${"x".repeat(30_000)}"}}`;
    const count = 300;
    for (let index = 0; index < count; index++) client.send(post({ body }));
    await new Promise((resolve) => setTimeout(resolve, 50));
    client.socket.resume();
    for (let index = 0; index < count; index++) expect((await client.reply()).status).toBe(202);
  });

  it("among a hundred connections gets the answer that is its own", async () => {
    const all = Array.from({ length: 100 }, async (_, number) => {
      const client = await Client.open(port);
      for (let round = 0; round < 10; round++) {
        const eventType = `of.c${number}.r${round}`;
        const text =
          (number + round) % 5 === 0 ? LIST() : post({ body: `{"eventType":"${eventType}","payload":{}}` });
        const reply = await client.send(text).reply();
        if (text.startsWith("POST")) expect(JSON.parse(reply.body)).toMatchObject({ eventType });
        else expect(JSON.parse(reply.body)).toHaveProperty("iterator");
      }
    });
    await Promise.all(all);
  });
});

describe("a connection", () => {
  it("on which nothing came is told so and closed; one that is quiet for too long is closed", async () => {
    const { port } = await listening();
    const silent = await Client.open(port);
    const quiet = await Client.open(port);
    expect((await quiet.send(post()).reply()).status).toBe(202);
    await server.runtime.advance(HEADERS_TIMEOUT_MS + 2_000);
    expect(await silent.end()).toMatch(/^HTTP\/1\.1 408 [^]*"code":"bad_request"/);
    expect((await quiet.send(post()).reply()).status).toBe(202);
    await server.runtime.advance(KEEP_ALIVE_TIMEOUT_MS + 2_000);
    expect(await quiet.end()).toBe("");
  });

  it("is closed with the server", async () => {
    const { node, port } = await listening();
    await (await Client.open(port)).send(post({ headers: [UNUSUAL] })).reply();
    const quiet = await Client.open(port);
    const silent = await Client.open(port);
    await quiet.send(post()).reply();
    await node.app.close();
    expect(await quiet.end()).toBe("");
    expect(await silent.end()).toBe("");
  });

  it("to a node that only sends is answered by Node's server", async () => {
    const { port } = await listening({ role: "worker" });
    const { status, body } = await (await Client.open(port)).send(post()).reply();
    expect(status).toBe(503);
    expect(body).toContain("only sends");
  });
});

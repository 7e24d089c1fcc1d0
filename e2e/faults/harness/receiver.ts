import { createHmac } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { hashOf } from "./ledger.ts";

/** One POST that arrived in full. */
export interface Hit {
  /** Milliseconds of the harness's monotonic clock. */
  readonly at: number;
  readonly endpoint: string;
  /** The `webhook-id`. */
  readonly id: string;
  /** The event's number, from its payload; -1 where there is none. */
  readonly number: number;
  readonly hash: string;
  readonly signed: boolean;
  /** The `webhook-timestamp`, seconds. */
  readonly timestamp: number;
  /** What it is answered; 0 while it hangs. */
  status: number;
}

/** How one POST is answered; `hang` keeps it open until the receiver is told to release. */
export type Reply = number | { readonly status: number; readonly afterMs: number } | "hang";

/** `earlier`: how many POSTs of the same message the endpoint has had before. */
export type Behaviour = (hit: Hit, earlier: number) => Reply;

interface Destination {
  behaviour: Behaviour;
  secret: Buffer | null;
  open: number;
  openMax: number;
}

/** The receivers of a run: one HTTP server, an endpoint for each path. It checks what it gets by itself. */
export class Receiver {
  readonly hits: Hit[] = [];
  /** Called after each POST has been recorded. */
  onHit: ((hit: Hit) => void) | null = null;
  readonly #destinations = new Map<string, Destination>();
  readonly #earlier = new Map<string, number>();
  readonly #hanging: { response: ServerResponse; hit: Hit }[] = [];
  #server: Server | null = null;
  #port = 0;

  /** Listens, again on the same port after `close`. */
  async listen(): Promise<void> {
    const server = createServer((request, response) => this.#receive(request, response));
    server.keepAliveTimeout = 60_000;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(this.#port, "127.0.0.1", 4_096, resolve);
    });
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  /** Ends every connection; from then on nothing listens. */
  async close(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (server === null) return;
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  }

  /** Adds an endpoint; returns its URL. */
  add(name: string, behaviour: Behaviour = () => 204): string {
    this.#destinations.set(name, { behaviour, secret: null, open: 0, openMax: 0 });
    return `http://127.0.0.1:${this.#port}/${name}`;
  }

  /** The endpoint's `whsec_…`, to check its signatures. */
  trust(name: string, secret: string): void {
    this.#of(name).secret = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  }

  behave(name: string, behaviour: Behaviour): void {
    this.#of(name).behaviour = behaviour;
  }

  /** POSTs that are open at an endpoint. */
  open(name: string): number {
    return this.#of(name).open;
  }

  /** The most POSTs that were open at once since it was last asked. */
  takeOpenMax(name: string): number {
    const destination = this.#of(name);
    const { openMax } = destination;
    destination.openMax = destination.open;
    return openMax;
  }

  /** Answers everything that hangs. */
  release(status: number): void {
    for (const { response, hit } of this.#hanging.splice(0)) {
      // Given up by the sender: it will be sent again, and may be.
      if (response.destroyed) continue;
      hit.status = status;
      response.writeHead(status).end();
    }
  }

  get hanging(): number {
    return this.#hanging.length;
  }

  #of(name: string): Destination {
    const destination = this.#destinations.get(name);
    if (destination === undefined) throw new Error(`the receiver has no endpoint ${name}`);
    return destination;
  }

  #receive(request: IncomingMessage, response: ServerResponse): void {
    const name = (request.url ?? "/").slice(1);
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("error", () => undefined);
    response.on("error", () => undefined);
    request.on("end", () => {
      const destination = this.#destinations.get(name);
      if (destination === undefined) {
        response.writeHead(404).end();
        return;
      }
      const hit = this.#record(name, destination, { request, body: Buffer.concat(chunks) });
      this.#answer(destination, hit, response);
      this.onHit?.(hit);
    });
  }

  #record(
    endpoint: string,
    { secret }: Destination,
    { request, body }: { request: IncomingMessage; body: Buffer },
  ): Hit {
    const id = String(request.headers["webhook-id"]);
    const timestamp = String(request.headers["webhook-timestamp"]);
    const signature = String(request.headers["webhook-signature"]);
    const text = body.toString();
    const hit: Hit = {
      at: performance.now(),
      endpoint,
      id,
      number: Number(/^\{"number":(\d+)/.exec(text)?.[1] ?? -1),
      hash: hashOf(body),
      signed: secret !== null && signature.split(" ").includes(`v1,${sign(secret, id, timestamp, body)}`),
      timestamp: Number(timestamp),
      status: 0,
    };
    this.hits.push(hit);
    return hit;
  }

  #answer(destination: Destination, hit: Hit, response: ServerResponse): void {
    const key = `${hit.endpoint} ${hit.id}`;
    const earlier = this.#earlier.get(key) ?? 0;
    this.#earlier.set(key, earlier + 1);
    destination.open += 1;
    destination.openMax = Math.max(destination.openMax, destination.open);
    response.on("close", () => (destination.open -= 1));
    const reply = destination.behaviour(hit, earlier);
    if (reply === "hang") return void this.#hanging.push({ response, hit });
    if (typeof reply === "number") {
      hit.status = reply;
      response.writeHead(reply).end();
      return;
    }
    setTimeout(() => {
      hit.status = reply.status;
      response.writeHead(reply.status).end();
    }, reply.afterMs);
  }
}

/** As Standard Webhooks 1.0 says, written for itself: what is checked is not what signed. */
function sign(secret: Buffer, id: string, timestamp: string, body: Buffer): string {
  return createHmac("sha256", secret).update(`${id}.${timestamp}.`).update(body).digest("base64");
}

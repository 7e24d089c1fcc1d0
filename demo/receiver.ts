import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createVerifier, type Verifier } from "@posthaste/receiver";

/** What one destination saw. */
export interface Tally {
  requests: number;
  verified: number;
  refusedOnPurpose: number;
  readonly messages: Set<string>;
}

/**
 * The receiving end, as a customer would write it: verifies every signature over the raw bytes. `flaky` answers
 * 500 to the first attempt of every second message.
 */
export class Receiver {
  readonly #server = createServer((request, response) => void this.#handle(request, response));
  readonly #verifiers = new Map<string, Verifier>();
  readonly #tallies = new Map<string, Tally>();

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
  }

  url(name: string): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/${name}`;
  }

  /** The secret comes from the API once the endpoint exists. */
  trust(name: string, secret: string): void {
    this.#verifiers.set(name, createVerifier({ secrets: secret }));
  }

  tally(name: string): Tally {
    const known = this.#tallies.get(name);
    if (known) return known;
    const tally = { requests: 0, verified: 0, refusedOnPurpose: 0, messages: new Set<string>() };
    this.#tallies.set(name, tally);
    return tally;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const name = request.url?.slice(1) ?? "";
    const tally = this.tally(name);
    tally.requests += 1;
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    try {
      const verifier = this.#verifiers.get(name);
      if (!verifier) throw new Error("no secret for this path");
      const { id } = await verifier.verify({ headers: request.headers, body: Buffer.concat(chunks) });
      tally.verified += 1;
      const first = !tally.messages.has(id);
      tally.messages.add(id);
      const refuse = name.startsWith("flaky") && first && tally.messages.size % 2 === 1;
      if (refuse) tally.refusedOnPurpose += 1;
      response.writeHead(refuse ? 500 : 204).end();
    } catch {
      response.writeHead(400).end();
    }
  }
}

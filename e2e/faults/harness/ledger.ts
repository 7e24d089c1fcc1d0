import { createHash } from "node:crypto";
import { Journal } from "./journal.ts";

/**
 * What became of one event, as its client saw it.
 * - `acknowledged`: a 2xx. Everything was promised.
 * - `rejected`: an answer that says that nothing was accepted.
 * - `unknown`: no answer. It may have been accepted.
 */
type Outcome = "sent" | "acknowledged" | "rejected" | "unknown";

export interface LedgerEvent {
  readonly number: number;
  readonly app: string;
  readonly eventType: string;
  /** Of the payload's bytes. */
  readonly hash: string;
  outcome: Outcome;
  /** The message's id, from the acknowledgement. */
  id: string | null;
  /** The status of a rejection. */
  status: number | null;
}

/** The client's side of the truth, on disk before and after each request. */
export class Ledger {
  readonly events: LedgerEvent[] = [];
  readonly #journal: Journal;
  #acknowledged = 0;

  constructor(path: string) {
    this.#journal = new Journal(path);
  }

  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** A new event; what is returned is on disk. */
  async intend(event: { app: string; eventType: string; payload: (number: number) => string }): Promise<{
    entry: LedgerEvent;
    payload: string;
  }> {
    const number = this.events.length;
    const payload = event.payload(number);
    const { app, eventType } = event;
    const entry: LedgerEvent = {
      number,
      app,
      eventType,
      hash: hashOf(payload),
      outcome: "sent",
      id: null,
      status: null,
    };
    this.events.push(entry);
    await this.#journal.append({ sent: number, app, eventType, hash: entry.hash });
    return { entry, payload };
  }

  async acknowledge(entry: LedgerEvent, id: string): Promise<void> {
    entry.outcome = "acknowledged";
    entry.id = id;
    this.#acknowledged += 1;
    await this.#journal.append({ acknowledged: entry.number, id });
  }

  async reject(entry: LedgerEvent, status: number): Promise<void> {
    entry.outcome = "rejected";
    entry.status = status;
    await this.#journal.append({ rejected: entry.number, status });
  }

  async loseSight(entry: LedgerEvent, reason: string): Promise<void> {
    entry.outcome = "unknown";
    await this.#journal.append({ unknown: entry.number, reason });
  }

  close(): Promise<void> {
    return this.#journal.close();
  }
}

export function hashOf(body: string | Buffer): string {
  return createHash("sha256").update(body).digest("base64url").slice(0, 27);
}

/**
 * The sender, a process of its own: raw sockets and requests written ahead of time, so that almost all of the
 * CPU of a run is the subject's. With a rate, an event counts from the moment it was due, not from when a
 * connection was free for it: a subject that stalls does not slow its own clock.
 */
import { nowMicros, sleep } from "./clock.ts";
import { answerCommands } from "./commands.ts";
import type { GeneratorCommands, Load, LoadReport } from "./generator-commands.ts";
import { Histogram } from "./histogram.ts";
import { SenderConnection } from "./sender-connection.ts";

/** After a refusal, so that a subject under protection is not hammered. */
const REFUSED_PAUSE_MS = 5;

class Run {
  readonly #load: Load;
  readonly #latency = new Histogram();
  readonly #refusals: Record<string, number> = {};
  readonly #idle: SenderConnection[] = [];
  readonly #late: number[] = [];
  readonly #requests: number;
  #startedAt = 0;
  #next = 0;
  #accepted = 0;
  #refused = 0;
  #ended: (error?: Error) => void = () => undefined;

  constructor(load: Load) {
    this.#load = load;
    this.#requests = Math.ceil(load.events / load.batch);
  }

  async run(): Promise<LoadReport> {
    const { connections: count, ports } = this.#load;
    const opening = Array.from({ length: count }, (_, index) =>
      SenderConnection.open(this.#load, ports[index % ports.length] ?? 0),
    );
    const connections = await Promise.all(opening);
    const ended = new Promise<void>((resolve, reject) => {
      this.#ended = (error) => (error === undefined ? resolve() : reject(error));
    });
    for (const connection of connections) connection.onClose = (error) => this.#ended(error);
    this.#startedAt = nowMicros();
    if (this.#load.rate === null) {
      for (const connection of connections) this.#sendNext(connection);
    } else {
      this.#idle.push(...connections);
      void this.#followSchedule(this.#load.rate);
    }
    try {
      await ended;
    } finally {
      for (const connection of connections) connection.close();
    }
    return {
      startedAt: this.#startedAt,
      endedAt: nowMicros(),
      accepted: this.#accepted,
      refused: this.#refused,
      refusals: this.#refusals,
      acceptMs: this.#latency.quantiles(),
    };
  }

  #sendNext(connection: SenderConnection): void {
    if (this.#next >= this.#requests) return;
    this.#send(connection, this.#next++, nowMicros());
  }

  async #followSchedule(rate: number): Promise<void> {
    while (this.#next < this.#requests) {
      const now = nowMicros();
      for (; this.#next < this.#requests; this.#next += 1) {
        const dueAt = this.#dueAt(this.#next, rate);
        if (dueAt > now) break;
        const connection = this.#idle.pop();
        if (connection === undefined) this.#late.push(this.#next);
        else this.#send(connection, this.#next, dueAt);
      }
      await sleep(1);
    }
  }

  #send(connection: SenderConnection, request: number, sentAt: number): void {
    const first = this.#load.firstNumber + request * this.#load.batch;
    connection.send(request % this.#load.applications, first, Math.round(sentAt), (status) => {
      if (status >= 200 && status < 300) {
        this.#latency.record(nowMicros() - sentAt);
        this.#accepted += 1;
        if (this.#accepted === this.#requests) this.#ended();
        else this.#answered(connection);
        return;
      }
      this.#refused += 1;
      this.#refusals[status] = (this.#refusals[status] ?? 0) + 1;
      setTimeout(() => this.#send(connection, request, sentAt), REFUSED_PAUSE_MS);
    });
  }

  #answered(connection: SenderConnection): void {
    if (this.#load.rate === null) {
      this.#sendNext(connection);
      return;
    }
    const late = this.#late.shift();
    if (late === undefined) this.#idle.push(connection);
    else this.#send(connection, late, this.#dueAt(late, this.#load.rate));
  }

  #dueAt(request: number, rate: number): number {
    return this.#startedAt + (request * this.#load.batch * 1e6) / rate;
  }
}

answerCommands<GeneratorCommands>({ run: (load) => new Run(load).run() });

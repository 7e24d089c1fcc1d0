import { end } from "./children.ts";
import { Helper } from "./commands.ts";
import type { GeneratorCommands, Load, LoadReport } from "./generator-commands.ts";
import { BATCH, BATCH_CONNECTIONS, CONNECTIONS, PATIENCE_MS, SCHEDULE_CONNECTIONS } from "./options.ts";
import type { SinkCommands, SinkReport } from "./sink-commands.ts";
import type { Subject } from "./subjects/subject.ts";

export interface Sending {
  readonly events: number;
  readonly applications: number;
  readonly batched: boolean;
  /** Events per second on a schedule; null: as fast as it goes. */
  readonly rate: number | null;
  /** Count deliveries of endpoints below this only; the others are not waited for either. */
  readonly countBelow?: number;
  /** Whether to wait until everything is delivered. */
  readonly untilDelivered: boolean;
}

export interface Sent {
  readonly load: LoadReport;
  readonly sink: SinkReport;
  /** Delivered events per second, from the first request to the last delivery. */
  readonly eventsPerSecond: number;
}

/** The sink and the generator, and the numbering of events across everything that is sent through them. */
export class Bench {
  readonly sink = new Helper<SinkCommands>(new URL("./sink.ts", import.meta.url));
  readonly #generator = new Helper<GeneratorCommands>(new URL("./generator.ts", import.meta.url));
  #nextNumber = 0;

  async endpointUrls(count: number): Promise<string[]> {
    const ports = await this.sink.ask("listen", { endpoints: count });
    return ports.slice(0, count).map((port, endpoint) => `http://127.0.0.1:${port}/hooks/${endpoint}`);
  }

  async send(subject: Subject, sending: Sending): Promise<Sent> {
    const { applications, batched, rate } = sending;
    // Whole rounds over the applications, so that each endpoint gets the same.
    const step = applications * (batched ? BATCH : 1);
    const events = Math.max(1, Math.round(sending.events / step)) * step;
    const countBelow = sending.countBelow ?? applications;
    const expected = (events / applications) * countBelow;
    const firstNumber = this.#nextNumber;
    this.#nextNumber += events;
    await this.sink.ask("expect", { firstNumber, count: events, countBelow });
    const closedLoop = batched ? BATCH_CONNECTIONS : CONNECTIONS;
    const load: Load = {
      ports: subject.ports,
      apiKey: subject.apiKey,
      connections: rate === null ? closedLoop : SCHEDULE_CONNECTIONS,
      batch: batched ? BATCH : 1,
      applications,
      firstNumber,
      events,
      rate,
    };
    const loadReport = await this.#generator.ask("run", load);
    if (sending.untilDelivered) await this.delivered(expected);
    const sink = await this.sink.ask("report", null);
    const seconds = (sink.lastAt - loadReport.startedAt) / 1e6;
    return { load: loadReport, sink, eventsPerSecond: sink.distinct / seconds };
  }

  /** Counts the last events sent anew. */
  async expectAgain(events: number): Promise<void> {
    await this.sink.ask("expect", {
      firstNumber: this.#nextNumber - events,
      count: events,
      countBelow: null,
    });
  }

  async delivered(events: number): Promise<void> {
    if (await this.sink.ask("reached", { distinct: events, timeoutMs: PATIENCE_MS })) return;
    const { distinct } = await this.sink.ask("report", null);
    throw new Error(`${distinct} of ${events} events were delivered in ${PATIENCE_MS / 1000} s`);
  }

  pids(): number[] {
    return [this.sink.process.pid ?? 0, this.#generator.process.pid ?? 0];
  }

  async close(): Promise<void> {
    await Promise.all([end(this.sink.process), end(this.#generator.process)]);
  }
}

import type { Engine, EngineObserver, EngineSnapshot } from "@posthaste/core/engine/engine";
import type { Store, StoreStats } from "@posthaste/core/storage/port";
import { collectDefaultMetrics, Counter, Gauge, Registry } from "prom-client";
import { PlainHistogram } from "./plain-histogram.ts";
import type { Quota } from "./quotas.ts";

/** Seconds; from well below an fsync to a whole attempt deadline. */
const LATENCY_BUCKETS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const BATCH_BUCKETS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000];

/**
 * Prometheus metrics. No application or endpoint is a label: their number has no bound. Everything is counted
 * as it happens, so a scrape costs no query but the cheap `store.stats`.
 */
export class Metrics implements EngineObserver {
  readonly registry = new Registry();
  readonly #accepted = this.#counter("posthaste_messages_accepted_total", "Messages stored and answered 2xx");
  readonly #attempts = new AttemptCounts(this.registry);
  readonly #leasesLost = this.#counter(
    "posthaste_leases_lost_total",
    "Attempts whose delivery had been taken over meanwhile",
  );
  readonly #beats = this.#counter("posthaste_beats_total", "Beats of this node that came through");
  readonly #leasesReplaced = this.#counter(
    "posthaste_leases_replaced_total",
    "Times this node's own lease was lost and it joined under a new one",
  );
  readonly #takeovers = this.#counter(
    "posthaste_takeovers_total",
    "Nodes that were gone, whose deliveries this node gave back to all",
  );
  readonly #disabled = this.#counter("posthaste_endpoints_disabled_total", "Endpoints disabled by us", [
    "reason",
  ]);
  readonly #refused = this.#counter(
    "posthaste_requests_refused_total",
    "Requests refused with 429 by a quota (key, token, application, broadcast)",
    ["quota"],
  );
  readonly #attemptSeconds = this.#histogram("posthaste_attempt_seconds", "Duration of attempts");
  readonly #dispatchSeconds = this.#histogram(
    "posthaste_dispatch_seconds",
    "From a message's commit to the end of its first attempt's wait in a lane",
  );
  readonly #commitSeconds = this.#histogram("posthaste_commit_seconds", "Duration of group commits");
  readonly #commitSize = this.#histogram(
    "posthaste_commit_operations",
    "Operations in one group commit",
    BATCH_BUCKETS,
  );

  constructor() {
    collectDefaultMetrics({ register: this.registry, prefix: "posthaste_" });
  }

  /** Adds what is read at the scrape. Each reads for itself: a gauge set by another's reading lags a scrape. */
  watch({ engine, store }: { engine: Engine; store: Store }): void {
    const now = (name: string, help: string, read: (state: EngineSnapshot) => number): void =>
      this.#read(name, help, () => read(engine.snapshot()));
    now("posthaste_in_flight", "Attempts in flight", ({ inFlight }) => inFlight);
    now("posthaste_queued_deliveries", "Deliveries queued in memory", (state) => state.queuedDeliveries);
    now("posthaste_queued_bytes", "Bytes of deliveries in memory", ({ queuedBytes }) => queuedBytes);
    now("posthaste_commit_queue", "Rows waiting for a commit", ({ commitQueue }) => commitQueue);
    now("posthaste_lanes", "Endpoints with a lane in memory", ({ lanes }) => lanes);
    now("posthaste_broken_lanes", "Endpoints that are only probed", ({ brokenLanes }) => brokenLanes);
    now("posthaste_nodes", "Nodes that live, as this one sees them", ({ cluster }) => cluster?.nodes ?? 1);
    now("posthaste_beat_age_seconds", "Since the last beat of this node that came through", (state) =>
      state.cluster === null ? 0 : state.cluster.beatAgeMs / 1_000,
    );
    let asking: Promise<StoreStats> | null = null;
    const stats = (): Promise<StoreStats> => (asking ??= store.stats().finally(() => (asking = null)));
    this.#read(
      "posthaste_due_deliveries",
      "Deliveries still owed",
      async () => (await stats()).dueDeliveries,
    );
    this.#read("posthaste_database_bytes", "Size of the database", async () => (await stats()).databaseBytes);
    this.#read(
      "posthaste_wal_bytes",
      "Size of what is not yet folded into the database",
      async () => (await stats()).walBytes,
    );
    this.#read("posthaste_healthy", "1 while events can be accepted", async () =>
      (await engine.health()).ok ? 1 : 0,
    );
  }

  messagesAccepted(count: number): void {
    this.#accepted.inc(count);
  }

  attemptEnded(event: Parameters<EngineObserver["attemptEnded"]>[0]): void {
    const { outcome, statusCode, errorClass, durationMs, dispatchLatencyMs } = event;
    this.#attempts.add(outcome, errorClass ?? STATUS_CLASSES[Math.floor(statusCode / 100)] ?? "0xx");
    this.#attemptSeconds.observe(durationMs / 1_000);
    if (dispatchLatencyMs !== null) this.#dispatchSeconds.observe(dispatchLatencyMs / 1_000);
  }

  committed({ operations, durationMs }: { operations: number; durationMs: number }): void {
    this.#commitSize.observe(operations);
    this.#commitSeconds.observe(durationMs / 1_000);
  }

  leaseLost(): void {
    this.#leasesLost.inc();
  }

  beaten(): void {
    this.#beats.inc();
  }

  leaseReplaced(): void {
    this.#leasesReplaced.inc();
  }

  tookOver(): void {
    this.#takeovers.inc();
  }

  endpointDisabled(reason: string): void {
    this.#disabled.inc({ reason });
  }

  requestRefused(quota: Quota): void {
    this.#refused.inc({ quota });
  }

  #counter(name: string, help: string, labelNames: readonly string[] = []): Counter {
    return new Counter({ name, help, labelNames, registers: [this.registry] });
  }

  #read(name: string, help: string, read: () => number | Promise<number>): void {
    const gauge: Gauge = new Gauge({
      name,
      help,
      registers: [this.registry],
      async collect() {
        try {
          gauge.set(await read());
        } catch {
          // What the store cannot tell now must not take the other numbers with it: they are looked at just then.
          gauge.set(Number.NaN);
        }
      },
    });
  }

  #histogram(name: string, help: string, bounds: readonly number[] = LATENCY_BUCKETS_S): PlainHistogram {
    return new PlainHistogram({ name, help, bounds, registry: this.registry });
  }
}

/** By the hundreds of a status. */
const STATUS_CLASSES = Array.from({ length: 10 }, (_, hundreds) => `${hundreds}xx`);

/** Adds up between two scrapes: to look up a counter by its labels for each attempt costs more than to count it. */
class AttemptCounts {
  readonly #since = new Map<string, Map<string, number>>();

  constructor(registry: Registry) {
    const since = this.#since;
    const counter: Counter = new Counter({
      name: "posthaste_attempts_total",
      help: "Attempts by outcome (success, fail, interrupted) and class (2xx … 5xx, or why no response came)",
      labelNames: ["outcome", "class"],
      registers: [registry],
      collect() {
        for (const [outcome, classes] of since) {
          for (const [name, count] of classes) counter.inc({ outcome, class: name }, count);
        }
        since.clear();
      },
    });
  }

  add(outcome: string, name: string): void {
    let classes = this.#since.get(outcome);
    if (classes === undefined) this.#since.set(outcome, (classes = new Map()));
    classes.set(name, (classes.get(name) ?? 0) + 1);
  }
}

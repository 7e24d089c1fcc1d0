import { Clients } from "./driver/clients.ts";
import { newApplication, newEndpoint } from "./driver/endpoints.ts";
import { type Incident, NO_CALL_FAULTS } from "./faults/faults.ts";
import { Receivers } from "./faults/receivers.ts";
import type { Weather } from "./faults/store-link.ts";
import { Fleet } from "./fleet.ts";
import { Ledger } from "./ledger.ts";
import { modelStore } from "./model/model-store.ts";
import { ModelState } from "./model/state.ts";
import { newEnvironment } from "../domain/environment.ts";
import { operationalApplication } from "../domain/operational.ts";
import { HOUR_MS } from "../domain/time.ts";
import { systemRuntime } from "../runtime/system-runtime.ts";
import { NO_SABOTAGE, type Sabotage } from "./sabotage.ts";
import { drawScenario, type Scenario, type Size } from "./scenario.ts";
import { VALIDATORS } from "./validators/all.ts";
import type { Facts, Violation } from "./validators/validator.ts";
import { WORLD_EPOCH_MS } from "./world/process.ts";
import { World } from "./world/world.ts";

const ENVIRONMENT_ID = "env_sim";
/** After faults have stopped everything must have ended by then: a long line of failing FIFO messages takes its time. */
const PATIENCE_MS: Readonly<Record<Size, number>> = { short: HOUR_MS, long: 3 * HOUR_MS };
/** What was called before may still take as long. */
const CALL_MAX_MS = 3_000;
/** For what might still happen although all has ended. */
const AFTERMATH_MS = 2_000;
/** A broken promise is seldom alone: so long a life goes on after the first, to see what comes of it. */
const CONSEQUENCES_MS = 10_000;
/** The most that a process rests that has something in its hands. */
const BUSY_REST_MS = 250;
/** How often, in world time, it is looked whether everything has ended. */
const LOOK_MS = 50;

export interface SimulationOptions {
  readonly size?: Size | undefined;
  /** Processes on the store; without it the seed decides. */
  readonly nodes?: number | undefined;
  readonly sabotage?: Sabotage | undefined;
  /** Keep what happened as text. */
  readonly keepLines?: boolean | undefined;
}

export interface Report {
  readonly seed: number;
  readonly violations: readonly Violation[];
  /** Of everything that happened: the same seed gives the same. */
  readonly hash: string;
  readonly lines: readonly string[];
  readonly figures: {
    readonly steps: number;
    /** World time. */
    readonly passedMs: number;
    readonly messages: number;
    readonly posts: number;
    readonly processes: number;
  };
}

/** Lives one seed through, from the first request until everything has ended. */
export async function simulate(seed: number, options: SimulationOptions = {}): Promise<Report> {
  const scenario = drawScenario(seed, { size: options.size ?? "short", nodes: options.nodes });
  const report = await new Simulation(scenario, options).run();
  // Only the real event loop gives back what signals that are gone have left, and tells of rejections nobody saw.
  await new Promise<void>((resolve) => realTimers.soon(resolve));
  return report;
}

const { timers: realTimers } = systemRuntime({ debug() {}, info() {}, warn() {}, error() {} });

/** An error of a validator must not look like one of the program that it watches. */
function guarded<Event>(
  violated: (explanation: string) => void,
  look: (event: Event) => void,
): (event: Event) => void {
  return (event) => {
    try {
      look(event);
    } catch (error) {
      violated(`the validator itself failed: ${String(error)}`);
    }
  };
}

class Simulation {
  readonly #scenario: Scenario;
  readonly #world: World;
  readonly #state: ModelState;
  readonly #ledger = new Ledger();
  readonly #weather: Weather = { away: false, slowness: 1, partitioned: new Set(), stormy: true };
  readonly #receivers: Receivers;
  readonly #fleet: Fleet;
  readonly #clients: Clients;
  readonly #violations: Violation[] = [];
  readonly #ends: (() => void)[] = [];
  #calmSince = 0;
  /** Nodes that do not run, and what else goes on. */
  #troubles: number;
  #overSince: number | null = null;
  #processes = 0;
  #lookAt = 0;

  constructor(scenario: Scenario, { sabotage = NO_SABOTAGE, keepLines = false }: SimulationOptions) {
    this.#scenario = scenario;
    this.#troubles = scenario.nodes;
    const world = new World({ seed: scenario.seed, keepLines });
    this.#world = world;
    this.#state = new ModelState({ clustered: scenario.nodes > 1 });
    this.#receivers = new Receivers({
      random: world.random.fork(),
      ledger: this.#ledger,
      weather: this.#weather,
      faults: scenario.egressFaults,
    });
    this.#fleet = new Fleet({
      world,
      scenario,
      sabotage,
      store: modelStore(this.#state),
      state: this.#state,
      ledger: this.#ledger,
      weather: this.#weather,
      receivers: this.#receivers,
      environmentId: ENVIRONMENT_ID,
    });
    this.#clients = this.#furnish();
    world.nextWorkAt = () => this.#nextWorkAt();
  }

  async run(): Promise<Report> {
    const { activeMs, actions, incidents } = this.#scenario;
    const world = this.#world;
    this.#watch();
    this.#fleet.startAll();
    for (const action of actions) world.after(action.at, () => this.#clients.act(action));
    for (const incident of incidents) world.after(incident.at, () => this.#befall(incident));
    world.after(activeMs, () => this.#calmDown());
    await world.run({ until: Number.POSITIVE_INFINITY, isOver: () => this.#isOver() });
    if (this.#violations.length === 0) for (const end of this.#ends) end();
    this.#fleet.forget();
    return {
      seed: this.#scenario.seed,
      violations: this.#violations,
      hash: world.trace.hash,
      lines: world.trace.lines,
      figures: {
        steps: world.steps,
        passedMs: world.now,
        messages: this.#ledger.messages.length,
        posts: this.#ledger.posts.length,
        processes: this.#processes,
      },
    };
  }

  /** The applications and endpoints that are there from the beginning, and the clients that know them. */
  #furnish(): Clients {
    const environment = newEnvironment({
      id: ENVIRONMENT_ID,
      name: "live",
      retentionDays: 90,
      createdAt: WORLD_EPOCH_MS,
    });
    this.#state.environments.set(ENVIRONMENT_ID, environment);
    const kept = { deleted: false, deletedAt: null, drained: false };
    const endpoints = this.#scenario.applications.flatMap(({ throttleRate, endpoints: plans }, number) => {
      const application = newApplication(`app_${number}`, { environmentId: ENVIRONMENT_ID, throttleRate });
      this.#state.applications.set(application.id, { ...kept, entity: application });
      return plans.map((plan, index) => {
        const endpoint = newEndpoint({ appId: application.id, id: `ep_${number}${index}`, plan });
        this.#state.endpoints.set(endpoint.id, { ...kept, entity: endpoint });
        this.#receivers.add({ url: endpoint.url, phases: plan.phases });
        return endpoint;
      });
    });
    const owners = this.#scenario.applications.map((_plan, number) => `app_${number}`);
    this.#furnishOperational();
    return new Clients({
      world: this.#world,
      fleet: this.#fleet,
      ledger: this.#ledger,
      receivers: this.#receivers,
      appIds: owners,
      endpoints,
      quietAt: this.#scenario.activeMs,
    });
  }

  /** Those who are told of the others; no client knows them. */
  #furnishOperational(): void {
    if (this.#scenario.operational.length === 0) return;
    const application = operationalApplication(ENVIRONMENT_ID, WORLD_EPOCH_MS);
    const kept = { deleted: false, deletedAt: null, drained: false };
    this.#state.applications.set(application.id, { ...kept, entity: application });
    for (const [index, plan] of this.#scenario.operational.entries()) {
      const endpoint = newEndpoint({ appId: application.id, id: `ep_op${index}`, plan });
      this.#state.endpoints.set(endpoint.id, { ...kept, entity: endpoint });
      this.#receivers.add({ url: endpoint.url, phases: plan.phases });
    }
  }

  #watch(): void {
    const world = this.#world;
    const facts: Facts = {
      world,
      scenario: this.#scenario,
      state: this.#state,
      fleet: this.#fleet,
      ledger: this.#ledger,
      clients: this.#clients,
      calmSince: () => this.#calmFrom(),
    };
    for (const validator of VALIDATORS) {
      const { name, promise } = validator;
      const violated = (explanation: string): void => {
        this.#violations.push({ validator: name, promise, explanation, at: world.now });
        world.log("world", `${name} is broken`);
      };
      const { on, end } = validator.watch(facts, violated);
      if (on !== undefined) this.#ledger.listen(guarded(violated, on));
      if (end !== undefined) this.#ends.push(end);
    }
    this.#state.observer = {
      leased: (row) => this.#ledger.add({ kind: "leased", row }),
      released: (row, held) => this.#ledger.add({ kind: "released", row, held }),
      hurried: (row) => this.#ledger.add({ kind: "hurried", row }),
      ended: (row) => this.#ledger.add({ kind: "ended", row }),
    };
    this.#ledger.listen((event) => {
      if (event.kind === "started") this.#processes += 1;
      if (event.kind === "exited" || event.kind === "froze") this.#trouble(1);
      if (event.kind === "thawed" || event.kind === "started") this.#trouble(-1);
    });
  }

  #calmFrom(): number {
    const { storeFaults, egressFaults } = this.#scenario;
    const calls = storeFaults !== NO_CALL_FAULTS || egressFaults !== NO_CALL_FAULTS;
    return this.#troubles > 0 || (this.#weather.stormy && calls) ? Number.POSITIVE_INFINITY : this.#calmSince;
  }

  #trouble(change: 1 | -1): void {
    this.#troubles += change;
    this.#calmSince = this.#world.now;
  }

  #befall(incident: Incident): void {
    const world = this.#world;
    const weather = this.#weather;
    const forAWhile = (ms: number, end: () => void): void => {
      this.#trouble(1);
      world.after(ms, () => {
        end();
        this.#trouble(-1);
      });
    };
    switch (incident.kind) {
      case "store_away":
        world.log("store", "away");
        weather.away = true;
        return forAWhile(incident.forMs, () => (weather.away = false));
      case "slow_disk":
        weather.slowness = incident.factor;
        return forAWhile(incident.forMs, () => (weather.slowness = 1));
      case "partition": {
        const process = this.#fleet.partition(incident.node);
        if (process === null) return;
        world.log(process.name, "is cut off");
        weather.partitioned.add(process);
        return forAWhile(incident.forMs, () => weather.partitioned.delete(process));
      }
      case "crash":
      case "restart":
      case "freeze":
      case "clock":
        return this.#fleet.befall(incident);
    }
  }

  /** No more faults: from here on everything has to come to its end. */
  #calmDown(): void {
    this.#world.log("world", "calms down");
    this.#weather.stormy = false;
    this.#calmSince = Math.max(this.#calmSince, this.#world.now + CALL_MAX_MS);
  }

  #isOver(): boolean {
    const { now } = this.#world;
    if (now < this.#lookAt) return false;
    this.#lookAt = now + LOOK_MS;
    const [first] = this.#violations;
    if (first !== undefined && now > first.at + CONSEQUENCES_MS) return true;
    if (now < this.#scenario.activeMs) return false;
    // A clock that is set back puts retries off by as much.
    const { ahead, behind } = this.#fleet.skew;
    if (now > this.#scenario.activeMs + PATIENCE_MS[this.#scenario.size] + ahead - behind) return true;
    if (this.#troubles > 0 || this.#clients.busy > 0 || !this.#hasEnded()) {
      this.#overSince = null;
      return false;
    }
    this.#overSince ??= now;
    return now > Math.max(this.#overSince, this.#calmSince) + AFTERMATH_MS;
  }

  #hasEnded(): boolean {
    for (const { rows } of this.#state.lanes.values()) {
      for (const row of rows.values()) {
        const paused = row.leasedBy === null && row.nextAttemptAt === null;
        if (
          !paused ||
          this.#state.endpoint(row)?.entity.disabled !== true ||
          this.#state.endpoint(row)?.deleted === true
        )
          return false;
      }
    }
    return this.#fleet.living.every(
      ({ engine }) => engine.snapshot().commitQueue + engine.snapshot().inFlight === 0,
    );
  }

  /** Whether a process that is gone held it: the next one has to free it. Among many, those who live see to that. */
  #isLeftOver(leaseId: string): boolean {
    return this.#scenario.nodes === 1 && this.#fleet.processOf(leaseId)?.alive === false;
  }

  /** When a look into the store would next find something. */
  #nextWorkAt(): number {
    const { now } = this.#world;
    let latest = Number.POSITIVE_INFINITY;
    for (const { engine } of this.#fleet.living) {
      const { commitQueue, inFlight, queuedDeliveries } = engine.snapshot();
      if (commitQueue > 0) return now;
      // Some of its waits are not looks then: it asks again for what it has to tell of an attempt.
      if (inFlight + queuedDeliveries > 0) latest = now + BUSY_REST_MS;
    }
    let at = Number.POSITIVE_INFINITY;
    for (const lane of this.#state.lanes.values()) {
      const endpoint = this.#state.endpoint(lane);
      // What deleted endpoints are owed waits for maintenance.
      if (endpoint === undefined || endpoint.deleted) continue;
      for (const row of lane.rows.values()) {
        if (row.leasedBy === null) at = Math.min(at, row.nextAttemptAt ?? at);
        else if (this.#isLeftOver(row.leasedBy)) return now;
      }
    }
    return Math.min(latest, Math.max(now, at - WORLD_EPOCH_MS - this.#fleet.aheadMs));
  }
}

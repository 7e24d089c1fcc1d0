import { NODE_BEAT_MS } from "../domain/limits.ts";
import { MINUTE_MS, SECOND_MS } from "../domain/time.ts";
import type { Egress } from "../egress/egress.ts";
import { createEngine } from "../engine/create-engine.ts";
import type { Engine } from "../engine/engine.ts";
import type { NodeRole, Store } from "../storage/port.ts";
import type { CancelOwed } from "../storage/port-cancellation.ts";
import { Api } from "./driver/api.ts";
import type { Incident } from "./faults/faults.ts";
import type { Receivers } from "./faults/receivers.ts";
import { StoreLink, type Weather } from "./faults/store-link.ts";
import type { Ledger } from "./ledger.ts";
import type { ModelState } from "./model/state.ts";
import type { SyncStore } from "./model/sync.ts";
import type { Sabotage } from "./sabotage.ts";
import type { Scenario } from "./scenario.ts";
import { SimProcess } from "./world/process.ts";
import type { World } from "./world/world.ts";

/** One running program: a process with its engine. */
export interface SimNode {
  readonly process: SimProcess;
  readonly engine: Engine;
  readonly api: Api;
  readonly role: NodeRole;
  /** It refuses new requests: a stop is under way. */
  stopping: boolean;
}

const DOWN_MS = { min: 20, max: 2_000 };
/** Among many, the beats that tell that a node lives are no polls: they are never late. */
const POLLS = {
  alone: { longestMs: 10 * SECOND_MS, restMs: MINUTE_MS },
  among: { longestMs: NODE_BEAT_MS - 1, restMs: NODE_BEAT_MS },
};
const DRAIN_TIMEOUT_MS = 1_500;

export interface FleetOptions {
  readonly world: World;
  readonly scenario: Scenario;
  readonly store: SyncStore;
  readonly state: ModelState;
  readonly ledger: Ledger;
  readonly weather: Weather;
  readonly receivers: Receivers;
  readonly environmentId: string;
  readonly sabotage: Sabotage;
}

/** The processes of a simulation: started, and started again whenever one ends. */
export class Fleet {
  readonly #options: FleetOptions;
  readonly #nodes: (SimNode | null)[];
  #living: readonly SimNode[] = [];
  /** Whose process each lease is of. */
  readonly #leases = new Map<string, SimProcess>();
  /** The clock of a machine stays off when its process is started again. */
  readonly #skews: number[];
  #started = 0;

  constructor(options: FleetOptions) {
    this.#options = options;
    this.#nodes = Array.from({ length: options.scenario.nodes }, () => null);
    this.#skews = this.#nodes.map(() => 0);
  }

  /** Those that run and take requests. */
  get serving(): SimNode[] {
    return this.living.filter(
      ({ process, role, stopping }) => !stopping && !process.stopped && role !== "worker",
    );
  }

  get living(): readonly SimNode[] {
    return this.#living;
  }

  /** The farthest that a wall clock has ever been ahead of and behind the world's. */
  readonly skew = { ahead: 0, behind: 0 };

  /** How far the wall clock that is farthest ahead of the world's is so now. */
  get aheadMs(): number {
    return Math.max(0, ...this.#skews);
  }

  processOf(leaseId: string): SimProcess | undefined {
    return this.#leases.get(leaseId);
  }

  startAll(): void {
    for (const index of this.#nodes.keys()) this.#start(index);
  }

  /** The life is over. */
  forget(): void {
    for (const { process } of this.living) process.forget();
  }

  befall(incident: Exclude<Incident, { kind: "partition" | "store_away" | "slow_disk" }>): void {
    const { world } = this.#options;
    const node = this.#nodes[incident.node];
    if (incident.kind === "clock") return this.#step(incident.node, incident.byMs);
    if (node === null || node === undefined || !node.process.alive) return;
    world.log(node.process.name, incident.kind);
    if (incident.kind === "crash") return node.process.exit();
    if (incident.kind === "restart") return this.#stop(node);
    node.process.freeze();
    this.#options.ledger.add({ kind: "froze", process: node.process });
    world.after(incident.forMs, () => {
      node.process.thaw();
      this.#options.ledger.add({ kind: "thawed", process: node.process });
    });
  }

  partition(index: number): SimProcess | null {
    return this.#nodes[index]?.process ?? null;
  }

  #step(index: number, byMs: number): void {
    const skewMs = (this.#skews[index] ?? 0) + byMs;
    this.#skews[index] = skewMs;
    this.skew.ahead = Math.max(this.skew.ahead, skewMs);
    this.skew.behind = Math.min(this.skew.behind, skewMs);
    const node = this.#nodes[index];
    if (node) node.process.skewMs = skewMs;
    this.#options.world.log(`n${index}`, `clock ${Math.round(byMs)}`);
  }

  /**
   * Where ids alone tell the order of FIFO deliveries (one process), a clock that was set back must not be met by a
   * process that starts: it would make smaller ids than the one before. A known limit, see docs/reliability.md.
   */
  #skewOf(index: number): number {
    const skewMs = this.#skews[index] ?? 0;
    return this.#nodes.length > 1 ? skewMs : Math.max(skewMs, this.skew.ahead);
  }

  #stop(node: SimNode): void {
    if (node.stopping) return;
    node.stopping = true;
    void node.engine.stop().then(() => node.process.exit());
  }

  #start(index: number): void {
    const { world, store, state, ledger, weather, receivers, scenario, environmentId, sabotage } =
      this.#options;
    const name = `n${index}.${++this.#started}`;
    const polls = scenario.nodes === 1 ? POLLS.alone : POLLS.among;
    const process = new SimProcess(world, { name, skewMs: this.#skewOf(index), polls });
    const runtime = sabotage.runtime?.(process.runtime, world) ?? process.runtime;
    const link = new StoreLink({
      store: sabotage.store?.(store, { world, state }) ?? store,
      process,
      weather,
      faults: scenario.storeFaults,
      inOrder: scenario.nodes === 1,
      onDone: (call) => this.#tell(process, call),
    });
    const egress: Egress = sabotage.egress?.(receivers.egressOf(process)) ?? receivers.egressOf(process);
    const stored: Store = sabotage.link?.(link.store, { world, state }) ?? link.store;
    const { retryScheduleMs } = scenario;
    const role = scenario.roles[index] ?? "all";
    const engine = createEngine({
      store: stored,
      egress,
      runtime,
      retryScheduleMs,
      role,
      observer: SILENT,
      drainTimeoutMs: DRAIN_TIMEOUT_MS,
    });
    const api = new Api({ engine, store: stored, runtime, environmentId });
    this.#put(index, { process, engine, api, role, stopping: false });
    world.log(name, "starts");
    ledger.add({ kind: "started", process });
    process.onExit(() => {
      world.log(name, "exits");
      ledger.add({ kind: "exited", process });
      this.#put(index, null);
      world.after(world.random.between(DOWN_MS.min, DOWN_MS.max), () => this.#start(index));
    });
    void engine.start();
  }

  #put(index: number, node: SimNode | null): void {
    this.#nodes[index] = node;
    this.#living = this.#nodes.filter((each) => each !== null);
  }

  /** Puts what the store was asked to do, and did, into the ledger. */
  #tell(
    process: SimProcess,
    { name, args: [request], result }: { name: string; args: readonly unknown[]; result: unknown },
  ): void {
    const { ledger } = this.#options;
    /* oxlint-disable typescript/no-unsafe-type-assertion -- the operation's own request and result */
    if (name === "deliveries.commit") {
      const batch = request as CommitBatchOf;
      for (const { leaseId } of [...batch.accepted, ...batch.settled]) this.#leases.set(leaseId, process);
      ledger.add({ kind: "committed", process, batch, result: result as CommitResultOf });
    } else if (name === "deliveries.claimDue") {
      const claim = request as ClaimRequestOf;
      this.#leases.set(claim.leaseId, process);
      ledger.add({ kind: "claimed", process, request: claim, claimed: result as ClaimedOf });
    } else if (name === "cancellations.cancelOwed") {
      ledger.add({ kind: "called_off", request: request as CancelOwed });
    } else if (name === "history.cancelOrphans") {
      ledger.add({ kind: "orphans_ended" });
    } else if (name.startsWith("endpoints.") && isWritten(result)) {
      const change = name.slice("endpoints.".length) as "insert" | "update" | "delete";
      ledger.add({ kind: "written", change, endpointId: (request as { id: string }).id });
    }
    /* oxlint-enable typescript/no-unsafe-type-assertion */
  }
}

/** What a change of an endpoint answers when it was made; lists answer otherwise. */
function isWritten(result: unknown): boolean {
  if (typeof result !== "object" || result === null) return result === true || result === "updated";
  return "kind" in result && result.kind === "inserted";
}

type CommitBatchOf = Parameters<Store["deliveries"]["commit"]>[0];
type CommitResultOf = Awaited<ReturnType<Store["deliveries"]["commit"]>>;
type ClaimRequestOf = Parameters<Store["deliveries"]["claimDue"]>[0];
type ClaimedOf = Awaited<ReturnType<Store["deliveries"]["claimDue"]>>;

const SILENT = {
  messagesAccepted() {},
  attemptEnded() {},
  committed() {},
  leaseLost() {},
  beaten() {},
  leaseReplaced() {},
  tookOver() {},
  endpointDisabled() {},
};

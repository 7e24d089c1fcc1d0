import type { DisabledReason, Endpoint } from "../domain/endpoint.ts";
import { ID_PREFIX } from "../domain/ids.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { EngineObserver, RoutedApplication } from "./engine.ts";
import type { LaneOwners } from "./lane-owners.ts";
import type { Lane } from "./lanes/lane.ts";
import type { Resumer } from "./maintenance/resumer.ts";
import type { Routing } from "./routing.ts";

/** Brings what is in memory, routing and lanes, up to what was written: here, by a delivery, or by another node. */
export class Applications {
  readonly #routing: Routing;
  readonly #dispatcher: Dispatcher;
  readonly #resumer: Resumer;
  readonly #owners: LaneOwners | null;
  readonly #observer: EngineObserver;
  readonly #runtime: Runtime;
  /** Lanes that no new delivery may pass until what is paused is due again. */
  readonly #opening = new Map<string, Lane>();

  constructor(options: {
    routing: Routing;
    dispatcher: Dispatcher;
    resumer: Resumer;
    /** Null: this process serves every lane. */
    owners: LaneOwners | null;
    observer: EngineObserver;
    runtime: Runtime;
  }) {
    this.#routing = options.routing;
    this.#dispatcher = options.dispatcher;
    this.#resumer = options.resumer;
    this.#owners = options.owners;
    this.#observer = options.observer;
    this.#runtime = options.runtime;
  }

  /** This process wrote to an application or its endpoints. */
  async changed(appId: string): Promise<void> {
    const before = this.#routing.peekById(appId);
    const routed = await this.#routing.refresh(appId);
    if (!routed) return this.#updateLanes(appId, null);
    const enabled = this.#enabled(before, routed);
    if (this.#owners === null) this.#shut(routed, enabled);
    try {
      this.#updateLanes(appId, routed);
      for (const endpoint of enabled) await this.#resumer.resume(endpoint);
    } finally {
      this.#open();
    }
  }

  /** Somebody did, or to the settings or event types of an environment; maybe another node. */
  async changedElsewhere(id: string): Promise<void> {
    if (id.startsWith(ID_PREFIX.environment)) {
      await Promise.all([this.#routing.retries.refresh(id), this.environmentChanged(id)]);
    } else await this.#applicationChangedElsewhere(id);
  }

  /** The settings of an environment were written, or it was deleted: then nothing of it is sent any more. */
  async environmentChanged(environmentId: string): Promise<void> {
    if (await this.#routing.rules.refresh(environmentId)) return;
    this.#routing.forgetEnvironment(environmentId);
    const { scheduler } = this.#dispatcher;
    for (const lane of scheduler.lanes()) {
      if (lane.application.environmentId !== environmentId) continue;
      this.#dispatcher.handBack(null, scheduler.remove(lane), "due");
    }
  }

  async #applicationChangedElsewhere(appId: string): Promise<void> {
    const mayBeEnabled =
      this.#resumer.owesAny(appId) ||
      this.#routing.peekById(appId)?.endpoints.some(({ disabled }) => disabled) === true;
    if (mayBeEnabled || this.#dispatcher.scheduler.hasLanes(appId)) await this.changed(appId);
    else this.#routing.forget(appId);
  }

  /** Nothing that is known may be believed any more. */
  async changedSomewhere(): Promise<void> {
    const appIds = new Set([...this.#dispatcher.scheduler.lanes()].map(({ appId }) => appId));
    this.#routing.clear();
    await Promise.all([this.#routing.retries.refreshAll(), this.#routing.rules.refreshAll()]);
    for (const appId of appIds) await this.changedElsewhere(appId);
  }

  /** The other nodes changed: lanes that are now somebody else's are handed back. */
  ownersChanged(): void {
    for (const lane of this.#dispatcher.scheduler.lanes()) this.#leaveToOwner(lane);
  }

  /** A delivery was to disable an endpoint; whether the store did that is seen here. */
  async disabled({ appId, id: endpointId }: Endpoint, reason: DisabledReason): Promise<void> {
    await this.changed(appId);
    const endpoint = this.#routing.peekById(appId)?.endpoints.find(({ id }) => id === endpointId);
    if (endpoint?.disabled !== true) return;
    this.#observer.endpointDisabled(reason);
    this.#runtime.log.warn({ endpointId, reason }, "endpoint disabled");
  }

  /**
   * Endpoints that were disabled until now, or whose deliveries are paused still. Where nothing is known of before, the
   * one that was written last may be.
   */
  #enabled(before: RoutedApplication | undefined, { endpoints }: RoutedApplication): Endpoint[] {
    const wasDisabled = new Set(before?.endpoints.flatMap(({ id, disabled }) => (disabled ? [id] : [])));
    const writtenAt = Math.max(0, ...endpoints.map(({ updatedAt }) => updatedAt));
    return endpoints.filter(({ id, disabled, updatedAt }) => {
      if (disabled) return false;
      if (this.#resumer.owes({ id })) return true;
      const lane = this.#dispatcher.scheduler.find(id);
      if (before === undefined && lane === undefined) return updatedAt === writtenAt;
      return wasDisabled.has(id) || lane?.endpoint.disabled === true;
    });
  }

  /**
   * What waits paused comes before anything new: until it is due again, new deliveries go behind it. Among many nodes
   * the store sees to that.
   */
  #shut({ application }: RoutedApplication, enabled: readonly Endpoint[]): void {
    for (const endpoint of enabled) {
      const lane = this.#dispatcher.scheduler.laneOf(application, endpoint);
      if (this.#opening.get(endpoint.id) === lane) continue;
      lane.spill();
      this.#opening.set(endpoint.id, lane);
    }
  }

  /** Those whose deliveries could not be resumed stay shut. */
  #open(): void {
    for (const [id, lane] of this.#opening) {
      if (this.#resumer.owes({ id }) && !lane.removed) continue;
      lane.spilling -= 1;
      this.#opening.delete(id);
    }
  }

  #updateLanes(appId: string, routed: RoutedApplication | null): void {
    const { scheduler } = this.#dispatcher;
    if (!scheduler.hasLanes(appId)) return;
    const alive = new Set(routed?.endpoints.map(({ id }) => id));
    for (const lane of scheduler.lanes()) {
      if (lane.appId === appId && !alive.has(lane.endpoint.id)) {
        this.#dispatcher.handBack(null, scheduler.remove(lane), "due");
      }
    }
    if (!routed) return;
    for (const endpoint of routed.endpoints) {
      const lane = scheduler.find(endpoint.id);
      if (!lane) continue;
      const ordered = endpoint.fifo && !lane.endpoint.fifo;
      this.#dispatcher.handBack(lane, scheduler.update(routed.application, [endpoint]), "paused");
      if (this.#owners === null) continue;
      // From now on in the order that the store gives.
      if (ordered) this.#dispatcher.handBack(lane, scheduler.evict(lane), "due");
      this.#leaveToOwner(lane);
    }
  }

  #leaveToOwner(lane: Lane): void {
    if (this.#owners === null || this.#owners.serves(lane.application, lane.endpoint)) return;
    this.#dispatcher.handBack(null, this.#dispatcher.scheduler.remove(lane), "due");
  }
}

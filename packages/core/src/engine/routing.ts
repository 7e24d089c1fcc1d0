import type { Application } from "../domain/application.ts";
import type { Endpoint } from "../domain/endpoint.ts";
import { ROUTING_APPS_MAX } from "../domain/limits.ts";
import { isOperational, operationalAppId } from "../domain/operational.ts";
import type { Store } from "../storage/port.ts";
import type { RoutedApplication } from "./engine.ts";
import { EnvironmentRules } from "./environment-rules.ts";
import { RetrySchedules } from "./retry-schedules.ts";

/**
 * Applications with their endpoints, in memory: matching an event costs no query. Filled on demand, bounded,
 * and refreshed by every write before the write is answered, so a client that created an endpoint and then
 * sends an event finds it matched.
 */
export class Routing {
  /** Those of every environment that an application here belongs to. */
  readonly retries: RetrySchedules;
  readonly rules: EnvironmentRules;
  readonly #store: Pick<Store, "applications" | "endpoints" | "polling">;
  readonly #byId = new Map<string, RoutedApplication>();
  /** Ids by id and uid, of each environment. */
  readonly #refs = new Map<string, Map<string, string>>();
  /** Loads under way, so that a burst for one application reads it once. */
  readonly #loading = new Map<string, Promise<RoutedApplication | null>>();
  /** When each application was refreshed, by a count: a load that began before that may have read the old state. */
  readonly #refreshedAt = new Map<string, number>();
  /** Applications of operational endpoints that are not there, so that asking again costs no query. */
  readonly #absent = new Set<string>();
  /** Their ids, by environment: to look a new string up takes longer than to find it here first. */
  readonly #operationalIds = new Map<string, string>();
  #refreshes = 0;
  /** The same, for many at once. */
  #clearedAt = 0;

  constructor(
    store: Pick<Store, "applications" | "endpoints" | "polling" | "eventTypes" | "environments">,
    retryScheduleMs?: readonly number[],
  ) {
    this.#store = store;
    this.retries = new RetrySchedules(store.eventTypes, retryScheduleMs);
    this.rules = new EnvironmentRules(store.environments);
  }

  /** From memory only, by id or uid: the fast path. */
  peek(environmentId: string, ref: string): RoutedApplication | undefined {
    const id = this.#refs.get(environmentId)?.get(ref);
    return id === undefined ? undefined : this.#byId.get(id);
  }

  /** From memory only. */
  peekById(appId: string): RoutedApplication | undefined {
    return this.#byId.get(appId);
  }

  async find(query: { environmentId: string; ref: string }): Promise<RoutedApplication | null> {
    return this.peek(query.environmentId, query.ref) ?? this.read(query);
  }

  /** From the store, whatever is known. */
  async read(query: { environmentId: string; ref: string }): Promise<RoutedApplication | null> {
    return this.#loadOnce(refKey(query.environmentId, query.ref), () => this.#store.applications.find(query));
  }

  async findById(appId: string): Promise<RoutedApplication | null> {
    return this.#byId.get(appId) ?? this.#loadOnce(appId, () => this.#store.applications.findById(appId));
  }

  /** The application of an environment's operational endpoints, from memory only; null: it has none. */
  peekOperational(environmentId: string): RoutedApplication | null | undefined {
    let appId = this.#operationalIds.get(environmentId);
    if (appId === undefined) {
      appId = operationalAppId(environmentId);
      this.#operationalIds.set(environmentId, appId);
    }
    return this.#absent.has(appId) ? null : this.#byId.get(appId);
  }

  async findOperational(environmentId: string): Promise<RoutedApplication | null> {
    const known = this.peekOperational(environmentId);
    if (known !== undefined) return known;
    const appId = operationalAppId(environmentId);
    const begun = this.#refreshes;
    const found = await this.findById(appId);
    // Otherwise it may have been made meanwhile.
    if (found === null && begun === this.#refreshes) this.#absent.add(appId);
    return found;
  }

  /** Forgets what is known and reads it again; null when the application is gone. */
  async refresh(appId: string): Promise<RoutedApplication | null> {
    this.forget(appId);
    return this.findById(appId);
  }

  /** It changed: the next who asks reads it again, and a load under way starts over. */
  forget(appId: string): void {
    this.#refreshes += 1;
    this.#absent.delete(appId);
    if (this.#loading.size > 0) this.#refreshedAt.set(appId, this.#refreshes);
    this.#forget(appId);
  }

  /** The same for all of an environment. */
  forgetEnvironment(environmentId: string): void {
    for (const { application } of this.#byId.values()) {
      if (application.environmentId === environmentId) this.forget(application.id);
    }
    this.#operationalIds.delete(environmentId);
    // What is being loaded may be of it.
    this.#clearedAt = ++this.#refreshes;
  }

  /** The same for every application. */
  clear(): void {
    this.#clearedAt = ++this.#refreshes;
    this.#absent.clear();
    this.#byId.clear();
    this.#refs.clear();
  }

  /** Changes what is known of one endpoint, ahead of the store: the next match already sees it. */
  patch(endpoint: Endpoint): void {
    const known = this.#byId.get(endpoint.appId);
    if (!known) return;
    const endpoints = known.endpoints.map((one) => (one.id === endpoint.id ? endpoint : one));
    this.#byId.set(endpoint.appId, { ...known, endpoints });
  }

  #loadOnce(
    key: string,
    findApplication: () => Promise<Application | null>,
  ): Promise<RoutedApplication | null> {
    const running = this.#loading.get(key);
    if (running) return running;
    const load = this.#load(findApplication).finally(() => {
      this.#loading.delete(key);
      if (this.#loading.size === 0) this.#refreshedAt.clear();
    });
    this.#loading.set(key, load);
    return load;
  }

  async #load(findApplication: () => Promise<Application | null>): Promise<RoutedApplication | null> {
    for (;;) {
      const begun = this.#refreshes;
      const application = await findApplication();
      if (application === null) return null;
      const [endpoints, pollingEndpoints] = await Promise.all([
        this.#store.endpoints.listAll(application.id),
        this.#store.polling.listAll(application.id),
        this.retries.ready(application.environmentId),
        this.rules.load(application.environmentId),
      ]);
      const changedAt = Math.max(this.#clearedAt, this.#refreshedAt.get(application.id) ?? 0);
      if (changedAt > begun) continue;
      return this.#remember({ application, endpoints, pollingEndpoints });
    }
  }

  #remember(routed: RoutedApplication): RoutedApplication {
    const { id, environmentId, uid } = routed.application;
    this.#byId.set(id, routed);
    // No request finds the one of operational endpoints by a name.
    if (!isOperational(routed.application)) this.#refsOf(environmentId).set(id, id);
    if (uid !== null) this.#refsOf(environmentId).set(uid, id);
    if (this.#byId.size > ROUTING_APPS_MAX) {
      const [oldest] = this.#byId.keys();
      if (oldest !== undefined) this.#forget(oldest);
    }
    return routed;
  }

  #forget(appId: string): void {
    const known = this.#byId.get(appId);
    if (!known) return;
    const { environmentId, uid } = known.application;
    this.#byId.delete(appId);
    const refs = this.#refsOf(environmentId);
    refs.delete(appId);
    // The uid may have moved to another application meanwhile.
    if (uid !== null && refs.get(uid) === appId) refs.delete(uid);
    if (refs.size === 0) this.#refs.delete(environmentId);
  }

  #refsOf(environmentId: string): Map<string, string> {
    let refs = this.#refs.get(environmentId);
    if (refs === undefined) this.#refs.set(environmentId, (refs = new Map()));
    return refs;
  }
}

function refKey(environmentId: string, ref: string): string {
  return `${environmentId}/${ref}`;
}

import type {
  ApplicationStore,
  DeliveryStore,
  EndpointStore,
  EnvironmentStore,
  EventTypeStore,
  Idempotent,
  IdempotentAnswer,
  Store,
} from "../port.ts";
import type { PollingStore } from "../port-polling.ts";
import type { TaskStore } from "../port-task.ts";
import { ANSWER } from "./classification.ts";
import type { DataKeys } from "./data-keys.ts";
import { openRecord, sealRecord } from "./fields.ts";
import { SealedEndpoints } from "./sealed-endpoints.ts";

/**
 * A store like any other that keeps its secrets in another one, sealed. Every operation is written out: one that the
 * port gains does not build until somebody has decided what of it is secret.
 */
export function sealedStore(store: Store, keys: DataKeys): Store {
  const endpoints = new SealedEndpoints(store, keys);
  const answers = new SealedAnswers(keys);
  return {
    deliveries: deliveries(store.deliveries, answers),
    environments: environments(store.environments, { keys, answers }),
    applications: applications(store.applications, { endpoints, answers }),
    endpoints: endpointStore(store.endpoints, { endpoints, answers }),
    eventTypes: eventTypes(store.eventTypes, answers),
    polling: polling(store.polling, answers),
    tasks: tasks(store.tasks, answers),
    // Hashes.
    credentials: store.credentials,
    // Messages and attempts: see PLAIN in classification.ts.
    history: store.history,
    overview: store.overview,
    search: store.search,
    contents: store.contents,
    cancellations: store.cancellations,
    // Encrypted already.
    dataKeys: store.dataKeys,
    cluster: store.cluster,
    health: () => store.health(),
    stats: () => store.stats(),
    close: () => store.close(),
  };
}

/** What is remembered of a POST, sealed. */
class SealedAnswers {
  readonly #keys: DataKeys;

  constructor(keys: DataKeys) {
    this.#keys = keys;
  }

  /** The same options with the answer sealed; most writes have none. */
  async seal<Options extends Idempotent>(options: Options): Promise<Options> {
    const { idempotency } = options;
    return idempotency === undefined
      ? options
      : { ...options, idempotency: await this.#map(idempotency, sealRecord) };
  }

  async open(answer: IdempotentAnswer | null): Promise<IdempotentAnswer | null> {
    return answer && this.#map(answer, openRecord);
  }

  async #map(answer: IdempotentAnswer, map: typeof sealRecord<IdempotentAnswer>): Promise<IdempotentAnswer> {
    const cells = await this.#keys.cells(answer.environmentId);
    return map(ANSWER, answer, (column) => cells({ table: "idempotency", row: answer.scope, column }));
  }
}

/** The hot path goes straight through: nothing that it writes or reads is sealed. */
function deliveries(store: DeliveryStore, answers: SealedAnswers): DeliveryStore {
  return {
    commitsInParallel: store.commitsInParallel,
    commit: (batch) => store.commit(batch),
    findDueLanes: (query) => store.findDueLanes(query),
    claimDue: (request) => store.claimDue(request),
    releaseLeases: (request) => store.releaseLeases(request),
    resend: async (request) => store.resend(await answers.seal(request)),
    findPausedLanes: (query) => store.findPausedLanes(query),
    resumePaused: (request) => store.resumePaused(request),
    listDue: (query) => store.listDue(query),
  };
}

function environments(
  store: EnvironmentStore,
  { keys, answers }: { keys: DataKeys; answers: SealedAnswers },
): EnvironmentStore {
  return {
    async ensure(environment, types) {
      const stored = await store.ensure(environment, types);
      await keys.cells(stored.id);
      return stored;
    },
    async insert(environment, options) {
      const result = await store.insert(environment, await answers.seal(options));
      if (result.kind === "inserted") await keys.cells(environment.id);
      return result;
    },
    // A node asks here for what another one changed, a deletion included, within the change feed's second.
    async find(id) {
      const environment = await store.find(id);
      if (environment === null) keys.forget(id);
      return environment;
    },
    // Asked for now and then: whatever was missed is made up for.
    async list() {
      const living = await store.list();
      keys.forgetOthers(living.map(({ id }) => id));
      return living;
    },
    update: (environment, options) => store.update(environment, options),
    async delete(query) {
      const deleted = await store.delete(query);
      keys.forget(query.id);
      return deleted;
    },
    listDeleted: () => store.listDeleted(),
    purge: (request) => store.purge(request),
    findAnswer: async (query) => answers.open(await store.findAnswer(query)),
  };
}

function applications(
  store: ApplicationStore,
  { endpoints, answers }: { endpoints: SealedEndpoints; answers: SealedAnswers },
): ApplicationStore {
  return {
    async insert(application, options) {
      const result = await store.insert(application, await answers.seal(options));
      endpoints.saw(result.kind === "inserted" ? application : result.existing);
      return result;
    },
    async ensureOperational(application) {
      await store.ensureOperational(application);
      endpoints.saw(application);
    },
    find: async (query) => endpoints.saw(await store.find(query)),
    findById: async (id) => endpoints.saw(await store.findById(id)),
    list: (query) => store.list(query),
    update: (application, options) => store.update(application, options),
    delete: (query) => store.delete(query),
  };
}

function endpointStore(
  store: EndpointStore,
  { endpoints, answers }: { endpoints: SealedEndpoints; answers: SealedAnswers },
): EndpointStore {
  return {
    async insert(endpoint, options) {
      const sealed = await endpoints.seal(endpoint);
      // As if it had been inserted a moment before its application was deleted.
      if (sealed === null) return { kind: "inserted" };
      const result = await store.insert(sealed, await answers.seal(options));
      if (result.kind === "inserted") return result;
      const [existing = result.existing] = await endpoints.open(endpoint.appId, [result.existing]);
      return { kind: "conflict", existing };
    },
    listAll: async (appId) => endpoints.open(appId, await store.listAll(appId)),
    list: async (query) => endpoints.open(query.appId, await store.list(query)),
    async update(endpoint, options) {
      const sealed = await endpoints.seal(endpoint);
      return sealed === null ? "not_found" : store.update(sealed, await answers.seal(options));
    },
    delete: (query) => store.delete(query),
  };
}

function eventTypes(store: EventTypeStore, answers: SealedAnswers): EventTypeStore {
  return {
    insert: async (eventType, options) => store.insert(eventType, await answers.seal(options)),
    find: (query) => store.find(query),
    findMissing: (query) => store.findMissing(query),
    listRetrySchedules: (query) => store.listRetrySchedules(query),
    list: (query) => store.list(query),
    update: (eventType, options) => store.update(eventType, options),
    delete: (query) => store.delete(query),
  };
}

function polling(store: PollingStore, answers: SealedAnswers): PollingStore {
  return {
    insert: async (endpoint, options) => store.insert(endpoint, await answers.seal(options)),
    listAll: (appId) => store.listAll(appId),
    delete: (query) => store.delete(query),
    sequence: (request) => store.sequence(request),
    read: (query) => store.read(query),
    findPosition: (query) => store.findPosition(query),
    findConsumer: (query) => store.findConsumer(query),
    saveConsumer: (consumer) => store.saveConsumer(consumer),
    prune: (request) => store.prune(request),
  };
}

function tasks(store: TaskStore, answers: SealedAnswers): TaskStore {
  return {
    insert: async (task, options) => store.insert(task, await answers.seal(options)),
    find: (query) => store.find(query),
    list: (query) => store.list(query),
    claim: (request) => store.claim(request),
    step: (step) => store.step(step),
    cancel: (request) => store.cancel(request),
  };
}

import type {
  AcceptedMessage,
  ClusterNode,
  ClusterStore,
  CommitBatch,
  CommitResult,
  DeliveryStore,
  Store,
} from "../../storage/port.ts";

/** A store that several nodes share, and what went on in it that must not. */
export interface SharedStore extends Store {
  readonly cluster: ClusterStore;
  /** What an engine did that a store with a cluster forbids. */
  readonly violations: string[];
}

/**
 * A real store (of one process) with a cluster on top, for several engines in one process: nodes in a map, no leases
 * for dead ones, and a place in the order for every FIFO delivery, to be handed back as it was given.
 */
export function shareStore(store: Store): SharedStore {
  const violations: string[] = [];
  const nodes = new Map<string, ClusterNode>();
  const everJoined = new Set<string>();
  const changes: { id: string; recalled: boolean }[] = [];
  const seen = new Map<string, number>();
  const note = (id: string, recalled = false): number => changes.push({ id, recalled });
  const orders = new Map<string, number>();
  const exclusive = oneAfterTheOther();
  const isAlive = (id: string): boolean => nodes.get(id)?.dead === false;

  const cluster: ClusterStore = {
    join: ({ id, role }) =>
      exclusive(async () => {
        everJoined.add(id);
        nodes.set(id, { id, role, beats: 0, dead: false });
      }),
    beat: (id) =>
      exclusive(async () => {
        const node = nodes.get(id);
        const alive = isAlive(id);
        if (node && alive) nodes.set(id, { ...node, beats: node.beats + 1 });
        return { alive, nodes: [...nodes.values()] };
      }),
    declareDead: ({ id, beats }) =>
      exclusive(async () => {
        const node = nodes.get(id);
        if (node && !node.dead && node.beats === beats) nodes.set(id, { ...node, dead: true });
        return !isAlive(id);
      }),
    remove: (id) => exclusive(async () => void nodes.delete(id)),
    async findChanges({ after }) {
      const found = after === null ? [] : changes.slice(Number(after));
      const recalled = found.flatMap((change) => (change.recalled ? [change.id] : []));
      return { ids: found.map(({ id }) => id), recalled, gap: false, cursor: String(changes.length) };
    },
    recall: async ({ appId }) => String(note(appId, true)),
    acknowledge: async ({ id, cursor }) => void seen.set(id, Number(cursor)),
    isRecalled: async ({ recall, by }) =>
      [...nodes.values()].every(
        ({ id, role, dead }) => dead || role === "api" || id === by || (seen.get(id) ?? 0) >= Number(recall),
      ),
  };

  const accept = (message: AcceptedMessage): AcceptedMessage => {
    for (const { endpointId, fifo, leased } of message.deliveries) {
      if (fifo && leased) violations.push(`a FIFO delivery to ${endpointId} was leased at accept`);
      if (fifo) orders.set(orderKey(endpointId, message.message.id), orders.size + 1);
    }
    if (isAlive(message.leaseId)) return message;
    return { ...message, deliveries: message.deliveries.map((one) => ({ ...one, leased: false })) };
  };
  const commit = async (batch: CommitBatch): Promise<CommitResult> => {
    for (const { delivery } of batch.settled) {
      const given = orders.get(orderKey(delivery.endpointId, delivery.messageId)) ?? 0;
      if (delivery.order !== given) violations.push(`order ${given} came back as ${delivery.order}`);
    }
    const result = await store.deliveries.commit({ ...batch, accepted: batch.accepted.map(accept) });
    for (const { delivery, endpoint } of batch.settled) if (endpoint !== null) note(delivery.appId);
    return {
      ...result,
      accepted: result.accepted.map((one, index) => {
        const asked = batch.accepted[index];
        const lost = asked !== undefined && !isAlive(asked.leaseId);
        return one.kind === "accepted" && lost ? { kind: "accepted", unleased: true } : one;
      }),
    };
  };
  const deliveries: DeliveryStore = {
    ...bound(store.deliveries),
    commit: (batch) => exclusive(() => commit(batch)),
    claimDue: (request) =>
      exclusive(async () => {
        if (!isAlive(request.leaseId)) return [];
        const claimed = await store.deliveries.claimDue(request);
        return claimed.map(({ delivery, ...rest }) => {
          const order = orders.get(orderKey(delivery.endpointId, delivery.messageId)) ?? 0;
          return { ...rest, delivery: { ...delivery, order } };
        });
      }),
    releaseLeases: ({ notHeldBy, ...request }) =>
      exclusive(async () => {
        if (notHeldBy === undefined) return store.deliveries.releaseLeases(request);
        let released = 0;
        for (const heldBy of everJoined) {
          if (heldBy === notHeldBy || isAlive(heldBy)) continue;
          const all = { ...request, heldBy, after: null, limit: 1_000_000 };
          released += (await store.deliveries.releaseLeases(all)).released;
        }
        return { released, cursor: null };
      }),
  };
  /** Writes to an application or an event type are told to the others. */
  const told = <Arguments extends unknown[], Result>(
    write: (...args: Arguments) => Promise<Result>,
    idOf: (...args: Arguments) => string,
  ) => {
    return async (...args: Arguments): Promise<Result> => {
      const result = await write(...args);
      note(idOf(...args));
      return result;
    };
  };
  const { applications, endpoints, eventTypes } = store;
  return {
    violations,
    cluster,
    deliveries,
    environments: {
      ...bound(store.environments),
      update: told(
        (...args) => store.environments.update(...args),
        ({ id }) => id,
      ),
      delete: told(
        (...args) => store.environments.delete(...args),
        ({ id }) => id,
      ),
    },
    credentials: store.credentials,
    eventTypes: {
      ...bound(eventTypes),
      update: told(
        (...args) => eventTypes.update(...args),
        ({ environmentId }) => environmentId,
      ),
    },
    history: store.history,
    polling: store.polling,
    dataKeys: store.dataKeys,
    overview: store.overview,
    search: store.search,
    contents: store.contents,
    cancellations: store.cancellations,
    tasks: store.tasks,
    applications: {
      ...bound(applications),
      insert: told(
        (...args) => applications.insert(...args),
        ({ id }) => id,
      ),
      ensureOperational: told(
        (...args) => applications.ensureOperational(...args),
        ({ id }) => id,
      ),
      update: told(
        (...args) => applications.update(...args),
        ({ id }) => id,
      ),
      delete: told(
        (...args) => applications.delete(...args),
        ({ id }) => id,
      ),
    },
    endpoints: {
      ...bound(endpoints),
      insert: told(
        (...args) => endpoints.insert(...args),
        ({ appId }) => appId,
      ),
      update: told(
        (...args) => endpoints.update(...args),
        ({ appId }) => appId,
      ),
      delete: told(
        (...args) => endpoints.delete(...args),
        ({ appId }) => appId,
      ),
    },
    health: () => store.health(),
    stats: () => store.stats(),
    close: () => store.close(),
  };
}

/** The SQLite store's nouns are plain objects of functions. */
function bound<Noun extends object>(noun: Noun): Noun {
  return { ...noun };
}

function orderKey(endpointId: string, messageId: string): string {
  return `${endpointId}/${messageId}`;
}

function oneAfterTheOther(): <Result>(work: () => Promise<Result>) => Promise<Result> {
  let tail: Promise<unknown> = Promise.resolve();
  return (work) => {
    const result = tail.then(work);
    tail = result.catch(() => undefined);
    return result;
  };
}

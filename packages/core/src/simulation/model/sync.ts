import type { Store } from "../../storage/port.ts";

/** The same operations, answered at once. */
export type Sync<Noun> = {
  readonly [Operation in keyof Noun]: Noun[Operation] extends (...args: infer Args) => Promise<infer Result>
    ? (...args: Args) => Result
    : never;
};

/** The hot path without what is not an operation of it. */
export type Deliveries = Omit<Store["deliveries"], "commitsInParallel">;

/** The store's nouns, answered at once. */
export interface SyncStore {
  readonly deliveries: Sync<Deliveries>;
  readonly environments: Sync<Store["environments"]>;
  readonly credentials: Sync<Store["credentials"]>;
  readonly applications: Sync<Store["applications"]>;
  readonly endpoints: Sync<Store["endpoints"]>;
  readonly eventTypes: Sync<Store["eventTypes"]>;
  readonly history: Sync<Store["history"]>;
  readonly polling: Sync<Store["polling"]>;
  readonly dataKeys: Sync<Store["dataKeys"]>;
  readonly overview: Sync<Store["overview"]>;
  readonly search: Sync<Store["search"]>;
  readonly contents: Sync<Store["contents"]>;
  readonly cancellations: Sync<Store["cancellations"]>;
  readonly tasks: Sync<Store["tasks"]>;
  readonly cluster: Sync<NonNullable<Store["cluster"]>> | null;
  readonly whole: Sync<Pick<Store, "health" | "stats" | "close">>;
}

/** How an operation gets from its caller to the store and back. */
export type Carry = (name: string, run: () => unknown, args: readonly unknown[]) => Promise<unknown>;

/** A store whose every operation is carried to this one. */
export function carried(store: SyncStore, carry: Carry): Store {
  const { whole } = store;
  return {
    deliveries: {
      // As the real stores: one process writes one commit at a time, many nodes have connections of their own.
      commitsInParallel: store.cluster !== null,
      ...noun("deliveries", store.deliveries, carry),
    },
    environments: noun("environments", store.environments, carry),
    credentials: noun("credentials", store.credentials, carry),
    applications: noun("applications", store.applications, carry),
    endpoints: noun("endpoints", store.endpoints, carry),
    eventTypes: noun("eventTypes", store.eventTypes, carry),
    history: noun("history", store.history, carry),
    polling: noun("polling", store.polling, carry),
    dataKeys: noun("dataKeys", store.dataKeys, carry),
    overview: noun("overview", store.overview, carry),
    search: noun("search", store.search, carry),
    contents: noun("contents", store.contents, carry),
    cancellations: noun("cancellations", store.cancellations, carry),
    tasks: noun("tasks", store.tasks, carry),
    cluster: store.cluster === null ? null : noun("cluster", store.cluster, carry),
    ...noun("store", whole, carry),
  };
}

type Async<Noun> = {
  readonly [Operation in keyof Noun]: Noun[Operation] extends (...args: infer Args) => infer Result
    ? (...args: Args) => Promise<Result>
    : never;
};

function noun<Operations extends object>(
  name: string,
  operations: Operations,
  carry: Carry,
): Async<Operations> {
  const calls = Object.entries(operations).map(([operation, run]) => {
    const whole = `${name}.${operation}`;
    return [
      operation,
      (...args: unknown[]) => carry(whole, () => Reflect.apply(run, operations, args), args),
    ];
  });
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each operation under its own name, as a promise
  return Object.fromEntries(calls) as Async<Operations>;
}

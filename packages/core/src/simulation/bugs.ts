import type { CommitBatch, SettledDelivery, Store } from "../storage/port.ts";
import type { SyncStore } from "./model/sync.ts";
import type { Place, Sabotage } from "./sabotage.ts";

/** A bug that somebody could make, and how soon the simulator has to find it. */
export interface Bug extends Sabotage {
  readonly what: string;
  /** It shows only among so many processes. */
  readonly nodes?: number;
  /** Seeds, from 1 on, of which one at least has to turn red. */
  readonly withinSeeds: number;
  /** The validators that see it. */
  readonly breaks: readonly string[];
}

/** A store that commits something else than it is asked to. */
function committing(change: (batch: CommitBatch, place: Place) => CommitBatch): Sabotage {
  return {
    store: (store, place) => ({
      ...store,
      deliveries: { ...store.deliveries, commit: (batch) => store.deliveries.commit(change(batch, place)) },
    }),
  };
}

/** The same for what is settled. */
function settling(change: (settled: SettledDelivery, place: Place) => SettledDelivery): Sabotage {
  return committing((batch, place) => ({
    ...batch,
    settled: batch.settled.map((one) => change(one, place)),
  }));
}

function withDeliveries(
  change: (deliveries: SyncStore["deliveries"], place: Place) => Partial<SyncStore["deliveries"]>,
): Sabotage {
  return {
    store: (store, place) => ({
      ...store,
      deliveries: { ...store.deliveries, ...change(store.deliveries, place) },
    }),
  };
}

const NO_CHANGES = { ids: [], recalled: [], gap: false, cursor: "0" };

const acceptBugs = {
  ackBeforeCommit: {
    what: "a message is acknowledged when its commit begins",
    withinSeeds: 5,
    breaks: ["answeredIsStored"],
    link: (store: Store): Store => ({
      ...store,
      deliveries: {
        ...store.deliveries,
        commit(batch) {
          const committed = store.deliveries.commit(batch);
          if (batch.settled.length > 0) return committed;
          committed.catch(() => undefined);
          return Promise.resolve({ accepted: batch.accepted.map(() => ({ kind: "accepted" })), settled: [] });
        },
      },
    }),
  },
  halfFanOut: {
    what: "a message is stored with the first of its deliveries only",
    withinSeeds: 10,
    breaks: ["everyAcceptedMessageEnds"],
    ...committing((batch) => ({
      ...batch,
      accepted: batch.accepted.map((one) => ({ ...one, deliveries: one.deliveries.slice(0, 1) })),
    })),
  },
  keyOutsideTransaction: {
    what: "an idempotency key is written a little later than its message",
    withinSeeds: 20,
    breaks: ["oneMessagePerKey"],
    ...committing((batch, { state, world }) => ({
      ...batch,
      accepted: batch.accepted.map((one) => {
        const { idempotency, environmentId, message } = one;
        if (idempotency === null || state.findKey(idempotency.scope, idempotency.createdAt)) return one;
        const { scope, bodyHash, createdAt } = idempotency;
        const key = { bodyHash, createdAt, environmentId, messageId: message.id, answer: null };
        world.after(200, () => void state.keys.set(scope, key));
        return { ...one, idempotency: null };
      }),
    })),
  },
} satisfies Record<string, Bug>;

const settleBugs = {
  noFencing: {
    what: "a settled attempt counts whoever holds the lease",
    nodes: 2,
    withinSeeds: 600,
    breaks: ["lateNeverOverwrites"],
    ...settling((settled, { state }) => {
      const row = state.dueRow(settled.delivery);
      if (row === undefined || row.leasedBy === null) return settled;
      return { ...settled, leaseId: row.leasedBy, delivery: { ...settled.delivery, attempts: row.attempts } };
    }),
  },
  retryTimeIgnored: {
    what: "a retry is due at once",
    withinSeeds: 10,
    breaks: ["nothingIsEarly"],
    ...settling((settled) =>
      settled.next.kind === "retry" ? { ...settled, next: { ...settled.next, at: 0 } } : settled,
    ),
  },
  attemptNotRecorded: {
    what: "a failed attempt leaves no record",
    withinSeeds: 10,
    breaks: ["everyAcceptedMessageEnds"],
    ...settling((settled) => (settled.attempt?.status === "fail" ? { ...settled, attempt: null } : settled)),
  },
  attemptRecordedTwice: {
    what: "an attempt is recorded twice",
    withinSeeds: 10,
    breaks: ["everyPostIsRecorded"],
    ...settling((settled, { state }) => {
      const { attempt } = settled;
      if (attempt !== null) state.addAttempt({ ...attempt, id: `${attempt.id}2` });
      return settled;
    }),
  },
} satisfies Record<string, Bug>;

const claimBugs = {
  doubleClaim: {
    what: "a claim hands out deliveries without leasing them",
    withinSeeds: 20,
    breaks: ["oneHolder"],
    ...withDeliveries(({ claimDue }, { state }) => ({
      claimDue(request) {
        const claimed = claimDue(request);
        for (const { delivery } of claimed) {
          const row = state.dueRow(delivery);
          if (row !== undefined) row.leasedBy = null;
        }
        return claimed;
      },
    })),
  },
  fifoReleasedEarly: {
    what: "a FIFO endpoint's followers are claimed like any others",
    withinSeeds: 150,
    breaks: ["fifoWaits", "fifoArrives"],
    ...withDeliveries(({ claimDue }) => ({
      claimDue: (request) =>
        claimDue({ ...request, lanes: request.lanes.map((lane) => ({ ...lane, fifo: false })) }),
    })),
  },
  deadLeaseKept: {
    what: "what a dead process had leased is not released",
    withinSeeds: 20,
    breaks: ["everyAcceptedMessageEnds"],
    ...withDeliveries(() => ({ releaseLeases: () => ({ released: 0, cursor: null }) })),
  },
  livingReleased: {
    what: "a node that starts takes over from those that live as well",
    nodes: 2,
    withinSeeds: 60,
    breaks: ["oneHolder"],
    ...withDeliveries(({ releaseLeases }, { state }) => ({
      releaseLeases(request) {
        if (request.notHeldBy === undefined) return releaseLeases(request);
        const rows = [...state.lanes.values()].flatMap((lane) => [...lane.rows.values()]);
        const held = rows.filter(({ leasedBy }) => leasedBy !== null && leasedBy !== request.notHeldBy);
        for (const row of held) state.release(row, request.now);
        return { released: held.length, cursor: null };
      },
    })),
  },
  errorOfItsOwn: {
    what: "the store meets an error that is not about being away",
    withinSeeds: 30,
    breaks: ["nothingBreaks"],
    ...withDeliveries(({ claimDue }, { world }) => ({
      claimDue(request) {
        if (world.random.chance(0.1)) throw new TypeError("a row cannot be read");
        return claimDue(request);
      },
    })),
  },
  resumeForgotten: {
    what: "what was paused stays so when its endpoint is enabled",
    withinSeeds: 60,
    breaks: ["everyAcceptedMessageEnds"],
    ...withDeliveries(() => ({ resumePaused: () => 0 })),
  },
  payloadReencoded: {
    what: "a payload that comes out of the store is formatted anew",
    withinSeeds: 10,
    breaks: ["onlyAcceptedIsSent"],
    ...withDeliveries(({ claimDue }) => ({
      claimDue: (request) => claimDue(request).map((one) => ({ ...one, payload: `${one.payload} ` })),
    })),
  },
} satisfies Record<string, Bug>;

const controlBugs = {
  cancelIgnored: {
    what: "a deleted endpoint is still sent to",
    withinSeeds: 40,
    breaks: ["nothingAfterCancel"],
    store: (store: SyncStore, { state }: Place): SyncStore => ({
      ...store,
      endpoints: {
        ...store.endpoints,
        listAll: (appId) =>
          [...state.endpoints.values()].flatMap(({ entity }) => (entity.appId === appId ? [entity] : [])),
      },
    }),
  },
  changesUnheard: {
    what: "a node does not hear of what others change",
    nodes: 2,
    withinSeeds: 120,
    breaks: ["nothingAfterCancel"],
    store: (store: SyncStore): SyncStore => ({
      ...store,
      cluster: store.cluster && {
        ...store.cluster,
        findChanges: () => NO_CHANGES,
      },
    }),
  },
  nodesUnseen: {
    what: "a node takes itself for the only one, and every lane for its own",
    nodes: 2,
    withinSeeds: 60,
    breaks: ["everyAcceptedMessageEnds"],
    store: (store: SyncStore): SyncStore => ({
      ...store,
      cluster: store.cluster && {
        ...store.cluster,
        beat: (id) => {
          const { alive, nodes } = store.cluster?.beat(id) ?? { alive: false, nodes: [] };
          return { alive, nodes: nodes.filter((node) => node.id === id) };
        },
      },
    }),
  },
  throttleDoubled: {
    what: "an endpoint is sent twice what its rate allows",
    withinSeeds: 40,
    breaks: ["throttleHolds"],
    store: (store: SyncStore): SyncStore => ({
      ...store,
      endpoints: {
        ...store.endpoints,
        listAll: (appId) =>
          store.endpoints.listAll(appId).map((one) => ({
            ...one,
            throttleRate: one.throttleRate === null ? null : one.throttleRate * 2,
          })),
      },
    }),
  },
  retryAfterIgnored: {
    what: "Retry-After is not read",
    withinSeeds: 20,
    breaks: ["waitsFollowTheSchedule"],
    egress: (egress) => ({
      ...egress,
      async post(request) {
        const outcome = await egress.post(request);
        return outcome.kind === "response" ? { ...outcome, headers: [] } : outcome;
      },
    }),
  },
  lostWakeUp: {
    what: "a timer that would wake a lane is now and then forgotten",
    withinSeeds: 60,
    breaks: ["everyAcceptedMessageEnds", "nothingIsLeftBehind"],
    runtime: (runtime, world) => {
      const { timers } = runtime;
      const after: typeof timers.after = (delayMs, fn) =>
        timers.after(delayMs, () => {
          if (!world.random.chance(0.5)) fn();
        });
      return { ...runtime, timers: { ...timers, after } };
    },
  },
  slowTurns: {
    what: "a turn of the scheduler comes seconds late",
    withinSeeds: 20,
    breaks: ["healthyIsServed"],
    runtime: (runtime) => {
      const { timers } = runtime;
      return { ...runtime, timers: { ...timers, soon: (fn) => void timers.after(2_500, fn) } };
    },
  },
} satisfies Record<string, Bug>;

const tellBugs = {
  toldBeforehand: {
    what: "an operational webhook is stored before the attempt it tells of",
    withinSeeds: 40,
    breaks: ["operationalIsTold"],
    link: (store: Store): Store => ({
      ...store,
      deliveries: {
        ...store.deliveries,
        async commit(batch) {
          const accepted = batch.settled.flatMap(({ tells }) => tells ?? []).map((told) => told.accepted);
          if (accepted.length > 0) await store.deliveries.commit({ accepted, settled: [] });
          return store.deliveries.commit({ ...batch, settled: batch.settled.map(untold) });
        },
      },
    }),
  },
  toldOnlyAtFirst: {
    what: "an attempt that is recorded again after a commit that failed tells nothing",
    withinSeeds: 200,
    breaks: ["operationalIsTold"],
    link: (store: Store): Store => {
      const failed = new Set<string>();
      const again = (one: SettledDelivery): boolean => failed.has(one.attempt?.id ?? "");
      return {
        ...store,
        deliveries: {
          ...store.deliveries,
          async commit(batch) {
            const settled = batch.settled.map((one) => (again(one) ? untold(one) : one));
            try {
              return await store.deliveries.commit({ ...batch, settled });
            } catch (error) {
              for (const { attempt } of settled) if (attempt !== null) failed.add(attempt.id);
              throw error;
            }
          },
        },
      };
    },
  },
} satisfies Record<string, Bug>;

function untold({ tells: _tells, ...settled }: SettledDelivery): SettledDelivery {
  return settled;
}

const cancelBugs = {
  recallIgnored: {
    what: "a node says that it has handed back what another one called off, and keeps it",
    nodes: 2,
    withinSeeds: 300,
    breaks: ["canceledIsNotSent"],
    store: (store: SyncStore): SyncStore => ({
      ...store,
      cluster: store.cluster && {
        ...store.cluster,
        findChanges(query) {
          const changes = store.cluster?.findChanges(query) ?? NO_CHANGES;
          return { ...changes, recalled: changes.recalled.map(() => "app_nobody") };
        },
      },
    }),
  },
  canceledTooMuch: {
    what: "a cancellation ends everything that its endpoint is owed",
    withinSeeds: 100,
    breaks: ["onlyCanceledEnds"],
    store: (store: SyncStore): SyncStore => ({
      ...store,
      cancellations: {
        cancelOwed: (request) => store.cancellations.cancelOwed({ ...request, from: "", through: "msg_~" }),
      },
    }),
  },
} satisfies Record<string, Bug>;

/** The negative controls: every one of them turns the simulation red. */
export const BUGS: Readonly<Record<string, Bug>> = {
  ...acceptBugs,
  ...settleBugs,
  ...claimBugs,
  ...controlBugs,
  ...tellBugs,
  ...cancelBugs,
};

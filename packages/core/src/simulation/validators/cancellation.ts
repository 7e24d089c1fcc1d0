import { CHANGE_STALE_MS } from "../../domain/limits.ts";
import { CANCELED } from "../../storage/port-cancellation.ts";
import type { CancelRequest } from "../ledger.ts";
import type { DueRow } from "../model/state.ts";
import type { SimProcess } from "../world/process.ts";
import { deliveryId, type Facts, HEARD_MS, type Validator } from "./validator.ts";

interface CalledOff {
  readonly row: Readonly<DueRow>;
  readonly at: number;
  /** A client was told that nothing of it is sent any more. */
  promised: boolean;
}

export const canceledIsNotSent: Validator = {
  name: "canceledIsNotSent",
  promise:
    "once a cancellation is answered nothing that it covers is owed any more, no node begins an attempt of it, and each ends as canceled",
  watch(facts, violated) {
    const { state } = facts;
    const ended = new CalledOffRows();
    const calledOff = new Map<string, CalledOff>();
    /** What a request covered when it was asked. */
    const covered = new Map<CancelRequest, readonly Readonly<DueRow>[]>();
    /** Who recorded an attempt that was not the last. */
    const recorders = new Map<string, SimProcess>();
    return {
      on(event) {
        for (const row of ended.see(event)) {
          const id = deliveryId(row);
          calledOff.set(id, { row, at: facts.world.now, promised: false });
          if (attemptsOf(facts, row).every(({ errorClass }) => errorClass !== CANCELED.errorClass))
            violated(`${id} was called off, and no record says so`);
        }
        if (event.kind === "committed") {
          for (const { attempt, next } of event.batch.settled) {
            if (attempt !== null && next.kind !== "ended") recorders.set(attempt.id, event.process);
          }
        }
        if (event.kind === "asked" && event.request.kind === "cancel") {
          covered.set(event.request, owedOf(facts, event.request));
        }
        if (event.kind === "answered" && event.request.kind === "cancel" && event.request.answer === "done") {
          const { request } = event;
          const rows = new Set(covered.get(request));
          for (const row of rows) {
            if (state.dueRow(row) === row && state.endpoint(row)?.deleted === false)
              violated(`${deliveryId(row)} is owed though it was canceled`);
          }
          for (const one of calledOff.values()) {
            // What another request has ended since waits for that one's answer.
            if (rows.has(one.row) || (one.at < request.askedAt && covers(request, one.row)))
              one.promised = true;
          }
        }
        if (event.kind !== "posted") return;
        const { endpointId, messageId, process } = event.post;
        const id = deliveryId(event.post);
        // Somebody has asked for it again: it is owed anew.
        if (calledOff.has(id) && (state.dueRow(event.post)?.leasedBy ?? null) !== null) calledOff.delete(id);
        if (calledOff.get(id)?.promised === true)
          violated(`${messageId} was sent to ${endpointId} by ${process.name} after it was canceled`);
      },
      end() {
        for (const [id, { row }] of calledOff) {
          const last = attemptsOf(facts, row).at(-1);
          if (state.dueRow(row) !== undefined) continue;
          if (last?.deliveryState !== "pending" && last?.deliveryState !== "paused") continue;
          // One that died just then says nothing any more.
          if (recorders.get(last.id)?.alive === false) continue;
          violated(
            `${id} was canceled, but its last record (${last.id}) says that it is ${last.deliveryState}`,
          );
        }
      },
    };
  },
};

export const onlyCanceledEnds: Validator = {
  name: "onlyCanceledEnds",
  promise: "a cancellation ends nothing that it was not asked for, and nothing else is recorded as canceled",
  watch({ ledger, state }, violated) {
    const ended = new CalledOffRows();
    const requests: CancelRequest[] = [];
    const calledOff = new Set<string>();
    ledger.listen((event) => {
      if (event.kind === "asked" && event.request.kind === "cancel") requests.push(event.request);
    });
    return {
      on(event) {
        for (const row of ended.see(event)) {
          calledOff.add(deliveryId(row));
          if (!requests.some((request) => covers(request, row)))
            violated(`${deliveryId(row)} was canceled, and nobody had asked for that`);
        }
      },
      end() {
        for (const attempt of [...state.attempts.values()].flat()) {
          if (attempt.errorClass !== CANCELED.errorClass || calledOff.has(deliveryId(attempt))) continue;
          violated(`${deliveryId(attempt)} is recorded as canceled (${attempt.id}), but was not called off`);
        }
      },
    };
  },
};

/** The rows that each call for a cancellation ended: those told of since whatever happened before it. */
class CalledOffRows {
  #ended: Readonly<DueRow>[] = [];

  see(event: Parameters<Facts["ledger"]["add"]>[0]): readonly Readonly<DueRow>[] {
    if (event.kind === "ended") {
      this.#ended.push(event.row);
      return NONE;
    }
    const ended = event.kind === "called_off" ? this.#ended : NONE;
    if (this.#ended.length > 0) this.#ended = [];
    return ended;
  }
}

const NONE: readonly Readonly<DueRow>[] = [];

function covers({ endpointId, appId, from, through }: CancelRequest, row: Readonly<DueRow>): boolean {
  if (row.appId !== appId || (endpointId !== null && row.endpointId !== endpointId)) return false;
  return row.messageId >= from && row.messageId <= through;
}

/** In the order in which they were stored. */
function attemptsOf({ state }: Facts, { appId, endpointId, messageId }: Readonly<DueRow>) {
  return (state.attempts.get(appId) ?? []).filter(
    (attempt) => attempt.endpointId === endpointId && attempt.messageId === messageId,
  );
}

/** What is owed now of what a request asks for, at endpoints that every node knows. */
function owedOf({ state, ledger, world, scenario }: Facts, request: CancelRequest): readonly DueRow[] {
  const heardMs = scenario.nodes === 1 ? 0 : CHANGE_STALE_MS + HEARD_MS;
  const isNew = (endpointId: string): boolean =>
    ledger.endpoints.some(
      ({ kind, endpointId: id, answeredAt }) =>
        kind === "create" && id === endpointId && (answeredAt ?? world.now) + heardMs >= world.now,
    );
  return [...state.lanes.values()].flatMap(({ rows, endpointId, appId }) => {
    if (appId !== request.appId || isNew(endpointId) || state.endpoints.get(endpointId)?.deleted === true)
      return [];
    return [...rows.values()].filter((row) => covers(request, row));
  });
}

import type { DisabledReason } from "../../../domain/endpoint.ts";
import type { EndpointChange, SettledDelivery } from "../../port.ts";
import { bigintArray, booleanArray, textArray } from "../arrays.ts";
import type { Connection } from "../database.ts";
import { statement } from "../statement.ts";

interface EndpointState {
  readonly appId: string;
  readonly endpointId: string;
  failingSince: number | null;
  disabled: boolean;
  disabledReason: DisabledReason | null;
  disabledAt: number | null;
  updatedAt: number;
  changed: boolean;
}

type LockedRow = [
  appId: string,
  endpointId: string,
  failingSince: number | null,
  disabled: boolean,
  disabledReason: DisabledReason | null,
  disabledAt: number | null,
  updatedAt: number,
];

/** Two batches wait for each other in one direction; the change that a person is making is waited for. */
const lock = statement<LockedRow>(
  "endpoint.lock_settled",
  `SELECT e.app_id, e.id, e.failing_since, e.disabled, e.disabled_reason, e.disabled_at, e.updated_at
   FROM unnest($1::text[], $2::text[]) AS s (app_id, endpoint_id)
   JOIN endpoint AS e ON e.app_id = s.app_id AND e.id = s.endpoint_id
   WHERE NOT e.deleted
   ORDER BY e.app_id, e.id
   FOR NO KEY UPDATE OF e`,
);

/** All rows are locked by this transaction. */
const write = statement(
  "endpoint.write_settled",
  `WITH written AS (
     UPDATE endpoint AS e SET failing_since = s.failing_since, disabled = s.disabled,
       disabled_reason = s.disabled_reason, disabled_at = s.disabled_at, updated_at = s.updated_at
     FROM unnest($1::text[], $2::text[], $3::bigint[], $4::boolean[], $5::text[], $6::bigint[], $7::bigint[])
       AS s (app_id, endpoint_id, failing_since, disabled, disabled_reason, disabled_at, updated_at)
     WHERE e.app_id = s.app_id AND e.id = s.endpoint_id AND NOT e.deleted
     RETURNING e.app_id)
   INSERT INTO change (app_id) SELECT DISTINCT app_id FROM written`,
);

/** The endpoints that a batch changes, or whose being disabled it relies on. */
export class SettledEndpoints {
  readonly #states: ReadonlyMap<string, EndpointState>;

  private constructor(states: ReadonlyMap<string, EndpointState>) {
    this.#states = states;
  }

  /** Locks them until the transaction ends; those that were deleted are left out. */
  static async lock(
    connection: Connection,
    settled: readonly SettledDelivery[],
  ): Promise<SettledEndpoints | null> {
    const keys = new Map<string, { appId: string; endpointId: string }>();
    for (const { delivery, endpoint, next } of settled) {
      if (endpoint === null && next.kind !== "paused") continue;
      keys.set(keyOf(delivery), delivery);
    }
    if (keys.size === 0) return null;
    const { rows } = await connection.query(lock, [
      textArray([...keys.values()].map(({ appId }) => appId)),
      textArray([...keys.values()].map(({ endpointId }) => endpointId)),
    ]);
    const states = rows.map((row): [string, EndpointState] => {
      const [appId, endpointId, failingSince, disabled, disabledReason, disabledAt, updatedAt] = row;
      const state = { appId, endpointId, failingSince, disabled, disabledReason, disabledAt, updatedAt };
      return [keyOf(state), { ...state, changed: false }];
    });
    return new SettledEndpoints(new Map(states));
  }

  /**
   * Applies the changes of the deliveries whose lease held, in their order, and tells the other nodes; returns the places
   * of those that disabled their endpoint.
   */
  async write(
    connection: Connection,
    { settled, held }: { settled: readonly SettledDelivery[]; held: ReadonlySet<number> },
  ): Promise<ReadonlySet<number>> {
    const disabling = new Set<number>();
    for (const [place, { delivery, endpoint }] of settled.entries()) {
      const state = this.#states.get(keyOf(delivery));
      if (endpoint === null || state === undefined || !held.has(place)) continue;
      const { disabled } = state;
      apply(state, endpoint);
      if (state.disabled !== disabled) disabling.add(place);
    }
    const changed = [...this.#states.values()].filter((state) => state.changed);
    if (changed.length === 0) return disabling;
    await connection.query(write, [
      textArray(changed.map(({ appId }) => appId)),
      textArray(changed.map(({ endpointId }) => endpointId)),
      bigintArray(changed.map(({ failingSince }) => failingSince)),
      booleanArray(changed.map(({ disabled }) => disabled)),
      textArray(changed.map(({ disabledReason }) => disabledReason)),
      bigintArray(changed.map(({ disabledAt }) => disabledAt)),
      bigintArray(changed.map(({ updatedAt }) => updatedAt)),
    ]);
    return disabling;
  }
}

function keyOf({ appId, endpointId }: { appId: string; endpointId: string }): string {
  return `${appId}/${endpointId}`;
}

function apply(state: EndpointState, change: EndpointChange): void {
  if (change.kind === "disable") {
    // Once, with the first reason.
    if (state.disabled) return;
    const { failingSince } = change;
    const ended =
      state.failingSince === null || (failingSince !== undefined && state.failingSince > failingSince);
    if (failingSince !== undefined && ended) return;
    state.disabled = true;
    state.disabledReason = change.reason;
    state.disabledAt = change.at;
    state.updatedAt = change.at;
  } else {
    // The run of failures began with the first of them, whichever process tells first.
    if ((state.failingSince === null) === (change.at === null)) return;
    state.failingSince = change.at;
  }
  state.changed = true;
}

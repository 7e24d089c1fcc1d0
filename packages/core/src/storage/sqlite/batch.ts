/**
 * A commit's batch on its way to the writer: flat arrays of primitives, because one structured clone of a
 * flat array costs a tenth of cloning thousands of objects. The main thread encodes, the writer reads the
 * values back in the same order and hands them to its statements.
 */
import type {
  AcceptedMessage,
  AcceptResult,
  CommitBatch,
  CommitResult,
  EndpointChange,
  NextState,
  SettledDelivery,
  Telling,
} from "../port.ts";
import { deliveryStateCodeOf, statusCodeOf } from "../codes.ts";
import { jsonOrNull } from "./rows/json.ts";
import { type MessageRow, toMessage } from "./rows/message.ts";
import type { SqlValue } from "./values.ts";

export interface EncodedBatch {
  readonly acceptedCount: number;
  readonly accepted: SqlValue[];
  /** 1 for each that is noted for polling endpoints; null = for none. */
  readonly polled: Uint8Array | null;
  /** When each scheduled one is sent, 0 for the others; null = none is scheduled. */
  readonly deliverAt: Float64Array | null;
  readonly settledCount: number;
  readonly settled: SqlValue[];
  /** Messages about settled deliveries; null = none, which is nearly always so. */
  readonly told: readonly EncodedTold[] | null;
  /** Messages to note for `ContentStore.wipe`; null = none. */
  readonly wipes: readonly EncodedWipe[] | null;
  /** Response bodies that are bytes, one after the other; their lengths stand among the settled values. */
  readonly bytes: Uint8Array;
}

export interface EncodedWipe {
  readonly environmentId: string;
  readonly appId: string;
  readonly messageId: string;
}

export interface EncodedTold {
  /** The place of its settled delivery in the batch, and the least that must have become of it, of SETTLED. */
  readonly place: number;
  readonly least: number;
  readonly values: SqlValue[];
}

/** What became of a settled delivery; each includes the ones before it. */
export const SETTLED = { lost: 0, held: 1, disabled: 2 } as const;

export const NEXT = { ended: 0, retry: 1, paused: 2 } as const satisfies Record<NextState["kind"], number>;
/** `disable_failing` carries when the run of failures began in place of the reason. */
export const CHANGE = { none: 0, failing_since: 1, disable: 2, disable_failing: 3 } as const satisfies Record<
  EndpointChange["kind"] | "none" | "disable_failing",
  number
>;

export const ACCEPT = {
  accepted: 0,
  replayed: 1,
  event_id: 2,
  idempotency_key: 3,
  unavailable: 4,
} as const;

export interface EncodedResult {
  /** A code of ACCEPT each; null = all accepted. */
  readonly accepted: Uint8Array | null;
  /** 1 where the lease still held; null = everywhere. */
  readonly settled: Uint8Array | null;
  /** The message of each `replayed`, in order. */
  readonly replayed: readonly MessageRow[];
}

const NO_BYTES = new Uint8Array(0);

export function encodeBatch(batch: CommitBatch): EncodedBatch {
  const accepted: SqlValue[] = [];
  for (const item of batch.accepted) encodeAccepted(accepted, item);
  const settled: SqlValue[] = [];
  let byteLength = 0;
  let told: EncodedTold[] | null = null;
  let wipes: EncodedWipe[] | null = null;
  for (const [place, item] of batch.settled.entries()) {
    byteLength += encodeSettled(settled, item);
    if (item.wipeIn !== undefined) {
      const { appId, messageId } = item.delivery;
      (wipes ??= []).push({ environmentId: item.wipeIn, appId, messageId });
    }
    if (item.tells !== undefined) (told ??= []).push(...encodeTold(item, place));
  }
  return {
    acceptedCount: batch.accepted.length,
    accepted,
    polled: polledOf(batch.accepted),
    deliverAt: deliverAtOf(batch.accepted),
    settledCount: batch.settled.length,
    settled,
    told,
    wipes,
    bytes: byteLength === 0 ? NO_BYTES : gatherBytes(batch.settled, byteLength),
  };
}

function polledOf(accepted: readonly AcceptedMessage[]): Uint8Array | null {
  let polled: Uint8Array | null = null;
  for (let index = 0; index < accepted.length; index++) {
    if (accepted[index]?.polled !== true) continue;
    polled ??= new Uint8Array(accepted.length);
    polled[index] = 1;
  }
  return polled;
}

function deliverAtOf(accepted: readonly AcceptedMessage[]): Float64Array | null {
  let times: Float64Array | null = null;
  for (let index = 0; index < accepted.length; index++) {
    const at = accepted[index]?.message.deliverAt ?? null;
    if (at === null) continue;
    times ??= new Float64Array(accepted.length);
    times[index] = at;
  }
  return times;
}

function encodeAccepted(values: SqlValue[], accepted: AcceptedMessage): void {
  const { message, idempotency, deliveries } = accepted;
  values.push(
    message.appId,
    message.id,
    message.eventType,
    message.eventId,
    jsonOrNull(message.channels),
    jsonOrNull(message.tags),
    message.payloadExpiresAt,
    message.createdAt,
    message.payload,
    idempotency?.scope ?? null,
    idempotency?.bodyHash ?? null,
    idempotency?.createdAt ?? null,
    accepted.leaseId,
    deliveries.length,
  );
  for (const { endpointId, leased } of deliveries) values.push(endpointId, leased ? 1 : 0);
}

/** Messages about another write, for `AcceptWriter.tell`. */
export function encodeTells(tells: Telling["tells"]): readonly SqlValue[][] {
  return (tells ?? []).map((accepted) => {
    const values: SqlValue[] = [];
    encodeAccepted(values, accepted);
    return values;
  });
}

function encodeTold(item: SettledDelivery, place: number): EncodedTold[] {
  const tells = item.tells ?? [];
  return encodeTells(tells.map(({ accepted }) => accepted)).map((values, index) => ({
    place,
    least: SETTLED[tells[index]?.when ?? "held"],
    values,
  }));
}

/** Returns how many bytes its response body adds to the batch's. */
function encodeSettled(values: SqlValue[], settled: SettledDelivery): number {
  const { delivery, next, attempt } = settled;
  values.push(
    delivery.appId,
    delivery.endpointId,
    delivery.messageId,
    delivery.attempts,
    settled.leaseId,
    NEXT[next.kind],
    next.kind === "retry" ? next.at : null,
    next.kind === "ended" ? null : next.attempts,
  );
  encodeChange(values, settled.endpoint);
  if (attempt === null) {
    values.push(null);
    return 0;
  }
  const { responseBody } = attempt;
  const isText = typeof responseBody === "string";
  values.push(
    attempt.id,
    attempt.url,
    attempt.timestamp,
    statusCodeOf(attempt.status),
    attempt.trigger === "manual" ? 1 : 0,
    attempt.statusCode,
    attempt.errorClass,
    attempt.durationMs,
    deliveryStateCodeOf(attempt.deliveryState),
    attempt.nextAttemptAt,
    JSON.stringify(attempt.detail),
    isText ? responseBody : responseBody.length,
  );
  return isText ? 0 : responseBody.length;
}

function encodeChange(values: SqlValue[], change: EndpointChange | null): void {
  if (change === null) {
    values.push(CHANGE.none, null, null);
  } else if (change.kind === "failing_since") {
    values.push(CHANGE.failing_since, change.at, null);
  } else if (change.reason === "failing" && change.failingSince !== undefined) {
    values.push(CHANGE.disable_failing, change.at, change.failingSince);
  } else {
    values.push(CHANGE.disable, change.at, change.reason);
  }
}

/** Copies: a response body is often a small view of a large buffer, which a clone would copy whole. */
function gatherBytes(settled: readonly SettledDelivery[], byteLength: number): Uint8Array {
  const bytes = new Uint8Array(byteLength);
  let at = 0;
  for (const { attempt } of settled) {
    if (attempt === null || typeof attempt.responseBody === "string") continue;
    bytes.set(attempt.responseBody, at);
    at += attempt.responseBody.length;
  }
  return bytes;
}

/** Reads encoded values back, in the order they were pushed. */
export class ValueReader {
  readonly #values: readonly SqlValue[];
  #at = 0;

  constructor(values: readonly SqlValue[]) {
    this.#values = values;
  }

  skip(count: number): void {
    this.#at += count;
  }

  value(): SqlValue {
    const value = this.#values[this.#at++];
    if (value === undefined) throw new Error("a batch ended in the middle of a record");
    return value;
  }

  text(): string {
    const value = this.#values[this.#at++];
    return typeof value === "string" ? value : misplaced(value);
  }

  int(): number {
    const value = this.#values[this.#at++];
    return typeof value === "number" ? value : misplaced(value);
  }

  textOrNull(): string | null {
    const value = this.#values[this.#at++];
    return typeof value === "string" || value === null ? value : misplaced(value);
  }

  intOrNull(): number | null {
    const value = this.#values[this.#at++];
    return typeof value === "number" || value === null ? value : misplaced(value);
  }
}

function misplaced(value: SqlValue | undefined): never {
  throw new Error(`a batch holds a ${typeof value} in the wrong place`);
}

const ACCEPTED: AcceptResult = { kind: "accepted" };
const UNAVAILABLE: AcceptResult = { kind: "unavailable" };

export function decodeResult(result: EncodedResult, batch: CommitBatch): CommitResult {
  const replayed = result.replayed.values();
  const acceptResult = (code: number): AcceptResult => {
    switch (code) {
      case ACCEPT.accepted:
        return ACCEPTED;
      case ACCEPT.replayed: {
        const { value } = replayed.next();
        if (value === undefined) throw new Error("the writer named a replay without its message");
        return { kind: "replayed", message: toMessage(value) };
      }
      case ACCEPT.event_id:
        return { kind: "conflict", reason: "event_id" };
      case ACCEPT.idempotency_key:
        return { kind: "conflict", reason: "idempotency_key" };
      default:
        return UNAVAILABLE;
    }
  };
  return {
    accepted:
      result.accepted === null
        ? batch.accepted.map(() => ACCEPTED)
        : Array.from(result.accepted, acceptResult),
    settled:
      result.settled === null
        ? batch.settled.map(() => true)
        : Array.from(result.settled, (kept) => kept === 1),
  };
}

import { wants } from "../domain/filter.ts";
import { PosthasteError } from "../domain/errors.ts";
import { ID_PREFIX } from "../domain/ids.ts";
import { DELIVERIES_PER_REQUEST_MAX } from "../domain/limits.ts";
import type { Message } from "../domain/message.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { AcceptedMessage, AcceptResult, NewDelivery } from "../storage/port.ts";
import type { Committer } from "./committer.ts";
import type { AcceptOutcome, AcceptRequest, EngineObserver, NewMessage } from "./engine.ts";
import type { Lane, QueuedDelivery } from "./lanes/lane.ts";
import type { Dispatcher } from "./dispatcher.ts";

/** What one queued delivery takes beside its payload: ids, bookkeeping, object headers. */
const DELIVERY_OVERHEAD_BYTES = 512;

/** A message on its way to disk, and the places in lanes that wait for it. */
interface Plan {
  readonly accepted: AcceptedMessage;
  /** With a place in memory: sent from here as soon as the commit is through. */
  readonly reserved: readonly Lane[];
  /** Without one: they wait in the store. */
  readonly spilled: readonly Lane[];
  readonly bytes: number;
}

/** Bytes a delivery counts against the memory bound. */
export function deliveryBytes(payload: string | null): number {
  return DELIVERY_OVERHEAD_BYTES + (payload?.length ?? 0);
}

/** One request is one commit: too large a one would hold up everybody else's. */
function assertSize(plans: readonly Plan[]): void {
  const deliveries = plans.reduce((sum, { accepted }) => sum + accepted.deliveries.length, 0);
  if (deliveries <= DELIVERIES_PER_REQUEST_MAX) return;
  throw new PosthasteError(
    "limit_reached",
    `This request causes ${deliveries} deliveries, more than ${DELIVERIES_PER_REQUEST_MAX}. Send fewer messages in one.`,
  );
}

/**
 * Accept → match → commit → lanes. The deliveries are decided here, once: an endpoint made later does not get
 * an older message, one disabled later keeps what it was owed.
 */
export class Acceptor {
  readonly #runtime: Runtime;
  readonly #committer: Committer;
  readonly #dispatcher: Dispatcher;
  readonly #observer: EngineObserver;
  readonly #leaseId: string;
  #closed = false;

  constructor(options: {
    runtime: Runtime;
    committer: Committer;
    dispatcher: Dispatcher;
    observer: EngineObserver;
    leaseId: string;
  }) {
    this.#runtime = options.runtime;
    this.#committer = options.committer;
    this.#dispatcher = options.dispatcher;
    this.#observer = options.observer;
    this.#leaseId = options.leaseId;
  }

  /** Refuses everything from now on. */
  close(): void {
    this.#closed = true;
  }

  async accept(request: AcceptRequest): Promise<AcceptOutcome[]> {
    if (this.#closed) {
      throw new PosthasteError("unavailable", "The server is shutting down. Try again.", { retryAfterS: 1 });
    }
    const plans: Plan[] = [];
    let results: AcceptResult[];
    try {
      for (const [index, message] of request.messages.entries()) {
        plans.push(this.#plan(request, message, index));
      }
      assertSize(plans);
      results = await this.#committer.accept(plans.map(({ accepted }) => accepted));
    } catch (error) {
      for (const plan of plans) this.#cancel(plan);
      throw error;
    }
    const committedAt = this.#runtime.clock.monotonic();
    this.#observer.messagesAccepted(results.filter(({ kind }) => kind === "accepted").length);
    const outcomes = plans.map((plan, index) => this.#conclude(plan, results[index], committedAt));
    // The store refuses a whole batch or none of it, so nothing of the request was accepted.
    return outcomes.map((outcome) => {
      if (outcome === null) throw new PosthasteError("unavailable", undefined, { retryAfterS: 1 });
      return outcome;
    });
  }

  #plan(request: AcceptRequest, message: NewMessage, index: number): Plan {
    const { application, endpoints } = request.application;
    const createdAt = this.#runtime.clock.now();
    const bytes = deliveryBytes(message.payload);
    const reserved: Lane[] = [];
    const spilled: Lane[] = [];
    const deliveries: NewDelivery[] = [];
    for (const endpoint of endpoints) {
      if (!wants(endpoint, message)) continue;
      const lane = this.#dispatcher.scheduler.laneOf(application, endpoint);
      const leased = this.#dispatcher.scheduler.reserve(lane, bytes);
      deliveries.push({ endpointId: endpoint.id, leased, fifo: endpoint.fifo });
      if (leased) reserved.push(lane);
      else {
        lane.spill();
        spilled.push(lane);
      }
    }
    const stored: Message = {
      id: this.#runtime.ids.next(ID_PREFIX.message),
      appId: application.id,
      eventType: message.eventType,
      eventId: message.eventId,
      channels: message.channels,
      tags: message.tags,
      payload: message.payload,
      payloadExpiresAt: message.payloadExpiresAt,
      createdAt,
    };
    const idempotency =
      request.idempotency === null
        ? null
        : {
            // Every message of a batch claims its own place under the request's key.
            scope: index === 0 ? request.idempotency.scope : `${request.idempotency.scope}#${index}`,
            bodyHash: request.idempotency.bodyHash,
            createdAt,
          };
    const { environmentId } = request;
    const accepted = { message: stored, environmentId, deliveries, leaseId: this.#leaseId, idempotency };
    return { accepted, reserved, spilled, bytes };
  }

  #conclude(plan: Plan, result: AcceptResult | undefined, committedAt: number): AcceptOutcome | null {
    const { message } = plan.accepted;
    if (result?.kind === "accepted") {
      this.#release(plan, committedAt);
      return { kind: "accepted", message };
    }
    this.#cancel(plan);
    if (result?.kind === "replayed") return { kind: "replayed", message: result.message };
    return result?.kind === "conflict" ? result : null;
  }

  /** It is on disk: the leased deliveries go to their lanes. */
  #release({ accepted, reserved, spilled, bytes }: Plan, committedAt: number): void {
    const { appId, id: messageId, eventType, payload } = accepted.message;
    for (const lane of reserved) {
      const key = { appId, endpointId: lane.endpoint.id, messageId };
      const delivery = { ...key, attempts: 0, trigger: "scheduled" as const, once: false, order: 0 };
      this.#enqueue(lane, { delivery, eventType, payload, bytes, committedAt });
    }
    for (const lane of spilled) lane.spilling -= 1;
    if (spilled.some((lane) => lane.room > 0)) this.#dispatcher.scheduler.hungry();
  }

  /** Unless its lane closed while the commit was under way: then it waits in the store like the others. */
  #enqueue(lane: Lane, item: QueuedDelivery): void {
    const { scheduler } = this.#dispatcher;
    scheduler.unreserve(lane, item.bytes);
    const behind = lane.endpoint.fifo && lane.spilled;
    if (!lane.removed && !behind && !lane.endpoint.disabled) return scheduler.enqueue(lane, item);
    this.#dispatcher.handBack(lane, [item], lane.endpoint.disabled ? "paused" : "due");
  }

  #cancel({ reserved, spilled, bytes }: Plan): void {
    for (const lane of reserved) this.#dispatcher.scheduler.unreserve(lane, bytes);
    for (const lane of spilled) lane.spilling -= 1;
  }
}

import type { DueDelivery } from "../domain/delivery.ts";
import type { Settlement } from "../domain/delivery-state.ts";
import type { Endpoint } from "../domain/endpoint.ts";
import { ID_PREFIX } from "../domain/ids.ts";
import {
  ATTEMPT_LOG,
  attemptEvent,
  attemptEventData,
  attemptLogData,
  disabledEventData,
  endpointEvents,
  hears,
  isOperational,
  operationalAppId,
  type OperationalEvent,
  operationalPayload,
  taskEvent,
} from "../domain/operational.ts";
import type { Task } from "../domain/task.ts";
import type { Runtime } from "../runtime/runtime.ts";
import {
  type AcceptedMessage,
  type HistoryStore,
  type SettleTold,
  StoreUnavailable,
  type Telling,
} from "../storage/port.ts";
import type { AttemptResult } from "./attempt.ts";
import type { OperationalWebhooks, RoutedApplication } from "./engine.ts";
import type { Lane } from "./lanes/lane.ts";
import type { Routing } from "./routing.ts";

/** While the store is away, what an attempt tells is asked for again after this long. */
const RETRY_PAUSE_MS = 250;
/** Nobody has this id: what is told is leased to nobody. */
const NOBODY = "";

/**
 * Makes the messages of operational webhooks. They are stored with what they tell of, by whoever writes that, and
 * claimed like all that waits in the store. An environment without operational endpoints is known as such, so it costs
 * no query; the application that owns the endpoints tells nothing of itself, or a failing one would never come to rest.
 */
export class Operational implements OperationalWebhooks {
  readonly #routing: Routing;
  readonly #history: HistoryStore;
  readonly #runtime: Runtime;
  readonly #isStale: () => boolean;
  readonly #onTold: () => void;

  constructor(options: {
    routing: Routing;
    history: HistoryStore;
    runtime: Runtime;
    /** Whether other nodes may have written what this one does not know of. */
    isStale: () => boolean;
    /** Something was stored that nobody holds. */
    onTold: () => void;
  }) {
    this.#routing = options.routing;
    this.#history = options.history;
    this.#runtime = options.runtime;
    this.#isStale = options.isStale;
    this.#onTold = options.onTold;
  }

  find(environmentId: string): Promise<RoutedApplication | null> {
    if (this.#isStale()) this.#routing.forget(operationalAppId(environmentId));
    return this.#routing.findOperational(environmentId);
  }

  tellingOfTask<Result>(task: Task, write: (tells: Telling["tells"]) => Promise<Result>): Promise<Result> {
    return this.#telling(task.environmentId, [taskEvent(task)], write);
  }

  async tellingOfEndpoint<Result>(
    change: { readonly before: Endpoint | null; readonly after: Endpoint | null },
    write: (tells: Telling["tells"]) => Promise<Result>,
  ): Promise<Result> {
    const appId = change.after?.appId ?? change.before?.appId ?? "";
    const routed = await this.#routing.findById(appId);
    if (routed === null || isOperational(routed.application)) return write(undefined);
    const { environmentId, uid } = routed.application;
    return this.#telling(environmentId, endpointEvents(change, uid), write);
  }

  async #telling<Result>(
    environmentId: string,
    events: readonly OperationalEvent[],
    write: (tells: Telling["tells"]) => Promise<Result>,
  ): Promise<Result> {
    const routed = await this.find(environmentId);
    const wanted = routed === null ? [] : events.filter(({ type }) => isWanted(routed, type));
    if (routed === null || wanted.length === 0) return write(undefined);
    try {
      return await write(wanted.map((event) => this.#message(routed, event)));
    } finally {
      this.#onTold();
    }
  }

  /** Whether there may be something to tell of an attempt. Cheap: it is asked after each one. */
  concerns(lane: Lane, delivery: DueDelivery, settlement: Settlement): boolean {
    const { application } = lane;
    const routed = this.#routing.peekOperational(application.environmentId);
    const isNews = settlement.endpoint.kind === "disable" || attemptEvent(delivery, settlement) !== null;
    // The log asks after every attempt, so what is known has to do for it even while other nodes are not heard.
    const isWorthALook = isNews
      ? routed !== null || this.#isStale()
      : routed === undefined || (routed !== null && isWanted(routed, ATTEMPT_LOG));
    return isWorthALook && !isOperational(application);
  }

  /**
   * What an attempt tells. A store that is away is waited for, as the attempt itself cannot be recorded either; rejects
   * when the signal aborts meanwhile. Undefined: nothing, or nobody wants it.
   */
  async ofAttempt(
    lane: Lane,
    result: AttemptResult & { delivery: DueDelivery },
    signal: AbortSignal,
  ): Promise<readonly SettleTold[] | undefined> {
    for (;;) {
      try {
        const tells = await this.#ofAttempt(lane, result);
        return tells.length > 0 ? tells : undefined;
      } catch (error) {
        const passing = error instanceof StoreUnavailable;
        if (passing && signal.aborted) throw error;
        if (!passing) {
          // A bug. It must not keep the attempt from being recorded, or the POST would be repeated for ever.
          this.#runtime.log.error({ error, endpointId: lane.endpoint.id }, "operational webhook left out");
          return undefined;
        }
        await this.#runtime.timers.sleep(RETRY_PAUSE_MS, signal);
      }
    }
  }

  async #ofAttempt(
    lane: Lane,
    { attempt, delivery, settlement }: AttemptResult & { delivery: DueDelivery },
  ): Promise<SettleTold[]> {
    const { application, endpoint } = lane;
    const routed = await this.find(application.environmentId);
    if (routed === null) return [];
    const tells: SettleTold[] = [];
    const type = attemptEvent(delivery, settlement);
    const isNews = type !== null && isWanted(routed, type);
    const isLogged = isWanted(routed, ATTEMPT_LOG);
    if (isNews || isLogged) {
      const { uid: appUid, environmentId } = application;
      const message = await this.#history.findMessage({ appId: attempt.appId, ref: attempt.messageId });
      const tell = (event: OperationalEvent): void => {
        tells.push({ when: "held", accepted: this.#message(routed, event) });
      };
      if (isNews) {
        tell({ type, data: attemptEventData(attempt, { appUid, eventId: message?.eventId ?? null }) });
      }
      if (isLogged) {
        const { attempts } = settlement;
        tell({
          type: ATTEMPT_LOG,
          data: attemptLogData(attempt, { environmentId, appUid, attempts, message }),
        });
      }
    }
    if (settlement.endpoint.kind === "disable" && isWanted(routed, "endpoint.disabled")) {
      const data = disabledEventData(endpoint, { appUid: application.uid, trigger: "automatic" });
      tells.push({ when: "disabled", accepted: this.#message(routed, { type: "endpoint.disabled", data }) });
    }
    return tells;
  }

  #message({ application, endpoints }: RoutedApplication, event: OperationalEvent): AcceptedMessage {
    const createdAt = this.#runtime.clock.now();
    const { type: eventType } = event;
    return {
      message: {
        id: this.#runtime.ids.next(ID_PREFIX.message),
        appId: application.id,
        eventType,
        eventId: null,
        channels: null,
        tags: null,
        payload: operationalPayload(event, createdAt),
        payloadExpiresAt: null,
        deliverAt: null,
        createdAt,
      },
      environmentId: application.environmentId,
      deliveries: endpoints
        .filter((endpoint) => hears(endpoint, eventType))
        .map(({ id: endpointId, fifo }) => ({ endpointId, leased: false, fifo })),
      leaseId: NOBODY,
      idempotency: null,
    };
  }
}

function isWanted({ endpoints }: RoutedApplication, eventType: OperationalEvent["type"]): boolean {
  return endpoints.some((endpoint) => hears(endpoint, eventType));
}

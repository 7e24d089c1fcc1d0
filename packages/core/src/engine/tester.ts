import type { DueDelivery } from "../domain/delivery.ts";
import { PosthasteError } from "../domain/errors.ts";
import { TEST_ATTEMPTS_MAX, TEST_ATTEMPTS_PER_APP_MAX, TEST_RECORD_WAIT_MS } from "../domain/limits.ts";
import type { Attempt } from "../domain/attempt.ts";
import type { Message } from "../domain/message.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { NO_LEASE } from "../storage/port.ts";
import type { Transformer } from "../transform/transformer.ts";
import { attemptDelivery, endOf } from "./attempt.ts";
import { canceledAttempt, TRANSFORMATION_CANCELED } from "./canceled.ts";
import type { Committer } from "./committer.ts";
import type { DueClock } from "./due-clock.ts";
import type {
  AcceptOutcome,
  AcceptRequest,
  EngineObserver,
  TestAttemptOutcome,
  TestAttemptRequest,
} from "./engine.ts";
import type { EnvironmentRules } from "./environment-rules.ts";
import { inTime } from "./in-time.ts";
import { Lane } from "./lanes/lane.ts";
import type { Receivers } from "./receivers.ts";
import { transformed } from "./outgoing.ts";

interface TesterOptions {
  readonly accept: (request: AcceptRequest) => Promise<AcceptOutcome[]>;
  readonly committer: Committer;
  readonly receivers: Receivers;
  readonly transformer?: Transformer | undefined;
  readonly runtime: Runtime;
  readonly observer: EngineObserver;
  readonly due: DueClock;
  readonly rules: Pick<EnvironmentRules, "of">;
}

/**
 * Attempts that somebody waits for. The message is stored first and owed to nobody; the attempt is recorded without a
 * lease. A crash in between leaves a message without an attempt, and nothing is sent later that nobody waits for.
 */
export class Tester {
  readonly #options: TesterOptions;
  readonly #abort = new AbortController();
  readonly #byApp = new Map<string, number>();
  /** Attempts under way: what has to be waited for before connections are closed. */
  readonly #sending = new Set<Promise<unknown>>();
  #count = 0;

  constructor(options: TesterOptions) {
    this.#options = options;
  }

  async make(request: TestAttemptRequest): Promise<TestAttemptOutcome> {
    const { environmentId, application, endpoint, message, idempotency } = request;
    if (endpoint.disabled) throw new PosthasteError("endpoint_disabled");
    const release = this.#take(application.id);
    try {
      const [outcome] = await this.#options.accept({
        environmentId,
        application: { application, endpoints: [], pollingEndpoints: [] },
        messages: [message],
        idempotency,
      });
      if (outcome === undefined) throw new PosthasteError("internal");
      if (outcome.kind === "conflict") return outcome;
      const { kind, message: stored } = outcome;
      if (kind === "replayed") return { kind, message: stored };
      const sending = this.#send(request, stored);
      this.#sending.add(sending);
      const attempt = await sending.finally(() => this.#sending.delete(sending));
      await this.#record(attempt, environmentId);
      return { kind: "attempted", message: stored, attempt };
    } finally {
      release();
    }
  }

  /** Waits until nothing is under way, or the signal aborts. */
  async idle(signal: AbortSignal): Promise<void> {
    if (this.#sending.size === 0 || signal.aborted) return;
    await new Promise<void>((resolve) => {
      signal.addEventListener("abort", () => resolve(), { once: true });
      void Promise.allSettled(this.#sending).then(() => resolve());
    });
  }

  /** Cuts what is under way; those attempts end as interrupted. */
  abort(): void {
    this.#abort.abort();
  }

  #take(appId: string): () => void {
    const ofApp = this.#byApp.get(appId) ?? 0;
    if (this.#count >= TEST_ATTEMPTS_MAX || ofApp >= TEST_ATTEMPTS_PER_APP_MAX) {
      throw new PosthasteError("too_many_requests", TOO_MANY, { retryAfterS: 1 });
    }
    this.#count += 1;
    this.#byApp.set(appId, ofApp + 1);
    return () => {
      this.#count -= 1;
      const left = (this.#byApp.get(appId) ?? 1) - 1;
      if (left === 0) this.#byApp.delete(appId);
      else this.#byApp.set(appId, left);
    };
  }

  async #send({ application, endpoint }: TestAttemptRequest, message: Message): Promise<Attempt> {
    const { runtime, transformer, observer } = this.#options;
    const lane = new Lane(application, endpoint, runtime.clock.monotonic());
    const { appId, id: messageId, eventType } = message;
    const key = { appId, endpointId: endpoint.id, messageId };
    const delivery: DueDelivery = { ...key, attempts: 0, trigger: "manual", once: true, order: 0 };
    const item = { delivery, eventType, payload: message.payload ?? "" };
    const outgoing =
      endpoint.transformation?.enabled === true ? await transformed(lane, item, transformer ?? null) : null;
    if (outgoing?.kind === "cancel") {
      return canceledAttempt(delivery, { url: endpoint.url, why: TRANSFORMATION_CANCELED, runtime });
    }
    const { signal } = this.#abort;
    const result = await attemptDelivery(lane, item, {
      ...this.#options,
      scheduleMs: [],
      rules: this.#options.rules.of(application.environmentId),
      signal,
      outgoing,
    });
    observer.attemptEnded(endOf(result, null));
    // Also when it was cut by a shutdown: nothing follows.
    const { attempt } = result;
    return attempt.status === "success"
      ? attempt
      : { ...attempt, deliveryState: "failed", nextAttemptAt: null };
  }

  async #record(attempt: Attempt, environmentId: string): Promise<void> {
    const { committer, runtime, rules } = this.#options;
    const wipes = attempt.status === "success" && rules.of(environmentId).wipeDelivered;
    const { appId, endpointId, messageId, trigger } = attempt;
    const delivery = { appId, endpointId, messageId, trigger, attempts: 0, once: true, order: 0 };
    const recorded = new Promise<void>((resolve) => {
      const settled = {
        delivery,
        leaseId: NO_LEASE,
        attempt,
        next: ENDED,
        endpoint: null,
        wipeIn: wipes ? environmentId : undefined,
      };
      committer.settle(settled, () => resolve());
    });
    try {
      await inTime(recorded, { runtime, limitMs: TEST_RECORD_WAIT_MS });
    } catch (error) {
      throw new PosthasteError("unavailable", NOT_RECORDED, { cause: error, retryAfterS: 1 });
    }
  }
}

const ENDED = { kind: "ended" } as const;
const TOO_MANY = "Too many test attempts are under way. Wait until one has ended, then try again.";
const NOT_RECORDED =
  "The test was sent, but its attempt cannot be stored just now. It is in the list of attempts once it can.";

import type { Application } from "../../domain/application.ts";
import type { Attempt } from "../../domain/attempt.ts";
import type { DueDelivery } from "../../domain/delivery.ts";
import type { Endpoint } from "../../domain/endpoint.ts";
import { type Environment, newEnvironment } from "../../domain/environment.ts";
import type { EventType } from "../../domain/event-type.ts";
import { ID_PREFIX } from "../../domain/ids.ts";
import type { Message } from "../../domain/message.ts";
import type { FakeRuntime } from "../../runtime/testing/fake-runtime.ts";
import type {
  AcceptedMessage,
  AcceptResult,
  ClaimedDelivery,
  IdempotencyClaim,
  IdempotentAnswer,
  Page,
  SettledDelivery,
  Store,
} from "../port.ts";

export const FIRST_PAGE: Page = { limit: 50, after: null, order: "ascending" };

/** An environment with an application and an endpoint, and short words for what tests do with them. */
export class Scene {
  readonly store: Store;
  readonly runtime: FakeRuntime;
  readonly environment: Environment;
  readonly leaseId: string;
  app!: Application;
  endpoint!: Endpoint;
  /** Of the whole store, past its port; undefined where a test cannot look there. */
  countRows: (() => Promise<Readonly<Record<string, number>>>) | undefined;

  private constructor(store: Store, runtime: FakeRuntime) {
    this.store = store;
    this.runtime = runtime;
    this.leaseId = this.id(ID_PREFIX.lease);
    const id = this.id(ID_PREFIX.environment);
    this.environment = newEnvironment({
      id,
      name: `e${id.slice(-20).toLowerCase()}`,
      retentionDays: 90,
      createdAt: this.now,
    });
  }

  static async make(store: Store, runtime: FakeRuntime): Promise<Scene> {
    const scene = new Scene(store, runtime);
    await scene.join(scene.leaseId);
    await store.environments.ensure(scene.environment, []);
    scene.app = await scene.addApplication();
    scene.endpoint = await scene.addEndpoint();
    return scene;
  }

  /** A process begins: on a store with a cluster only its leases count. */
  async join(leaseId: string): Promise<void> {
    await this.store.cluster?.join({ id: leaseId, role: "all" });
  }

  /** It is gone, its leases are left. */
  async leave(leaseId: string): Promise<void> {
    await this.store.cluster?.remove(leaseId);
  }

  /** The key's answer, as this environment sees it. */
  findAnswer(scope: string, now = this.now): Promise<IdempotentAnswer | null> {
    return this.store.environments.findAnswer({ environmentId: this.environment.id, scope, now });
  }

  get now(): number {
    return this.runtime.clock.now();
  }

  id(prefix: string): string {
    return this.runtime.ids.next(prefix);
  }

  newApplication(over: Partial<Application> = {}): Application {
    return {
      id: this.id(ID_PREFIX.application),
      environmentId: this.environment.id,
      uid: null,
      name: "Anna's courses",
      throttleRate: null,
      metadata: {},
      createdAt: this.now,
      updatedAt: this.now,
      ...over,
    };
  }

  async addApplication(over: Partial<Application> = {}): Promise<Application> {
    const application = this.newApplication(over);
    await this.store.applications.insert(application, {});
    return application;
  }

  newEndpoint(over: Partial<Endpoint> = {}): Endpoint {
    return {
      id: this.id(ID_PREFIX.endpoint),
      appId: this.app.id,
      uid: null,
      url: "https://receiver.example/hook",
      description: "",
      throttleRate: null,
      eventTypes: null,
      channels: null,
      disabled: false,
      disabledReason: null,
      disabledAt: null,
      failingSince: null,
      secrets: [{ key: "whsec_c2VjcmV0", expiresAt: null }],
      headers: {},
      metadata: {},
      fifo: false,
      timeoutMs: null,
      retryScheduleMs: null,
      transformation: null,
      access: null,
      createdAt: this.now,
      updatedAt: this.now,
      ...over,
    };
  }

  async addEndpoint(over: Partial<Endpoint> = {}): Promise<Endpoint> {
    const endpoint = this.newEndpoint(over);
    await this.store.endpoints.insert(endpoint, {});
    return endpoint;
  }

  /** The stored endpoint; undefined when it is gone. */
  async readEndpoint(id = this.endpoint.id, appId = this.app.id): Promise<Endpoint | undefined> {
    return (await this.store.endpoints.listAll(appId)).find((endpoint) => endpoint.id === id);
  }

  newEventType(over: Partial<EventType> = {}): EventType {
    return {
      environmentId: this.environment.id,
      name: "order.completed",
      description: "Someone buys a product",
      archived: false,
      deprecated: false,
      schemas: null,
      groupName: null,
      featureFlags: null,
      retryScheduleMs: null,
      createdAt: this.now,
      updatedAt: this.now,
      ...over,
    };
  }

  newMessage(over: Partial<Message> = {}): Message {
    return {
      id: this.id(ID_PREFIX.message),
      appId: this.app.id,
      eventType: "order.completed",
      eventId: null,
      channels: null,
      tags: null,
      payload: '{"id":12345678901234567890}',
      payloadExpiresAt: null,
      deliverAt: null,
      createdAt: this.now,
      ...over,
    };
  }

  /** A message on its way in, owed to the endpoint, waiting for a claim unless `leased`. */
  accepted({
    endpoints = [this.endpoint],
    leased = false,
    leaseId = this.leaseId,
    idempotency = null,
    ...message
  }: AcceptOptions = {}): AcceptedMessage {
    return {
      message: this.newMessage(message),
      environmentId: this.environment.id,
      deliveries: endpoints.map(({ id, fifo }) => ({ endpointId: id, leased, fifo })),
      leaseId,
      idempotency,
    };
  }

  /** Commits one message and returns it. */
  async accept(options: AcceptOptions = {}): Promise<Message> {
    const accepted = this.accepted(options);
    const [result] = await this.acceptAll([accepted]);
    if (result?.kind !== "accepted") throw new Error(`not accepted: ${result?.kind}`);
    return accepted.message;
  }

  /** A message whose delivery to the endpoint is due at that time. */
  async acceptDueAt(at: number, options: AcceptOptions = {}): Promise<Message> {
    const message = await this.accept({ ...options, leased: true });
    const [{ id: endpointId }] = options.endpoints ?? [this.endpoint];
    const next = { kind: "retry", at, attempts: 0 } as const;
    await this.settle(this.settled(this.delivery(message, { endpointId }), { attempt: null, next }));
    return message;
  }

  async acceptAll(accepted: readonly AcceptedMessage[]): Promise<readonly AcceptResult[]> {
    return (await this.store.deliveries.commit({ accepted, settled: [] })).accepted;
  }

  claim(scope: string, body = "a"): IdempotencyClaim {
    return { scope: `${this.environment.id}/${scope}`, bodyHash: body, createdAt: this.now };
  }

  answer(scope: string, body = '{"id":"x"}'): IdempotentAnswer {
    return { ...this.claim(scope), environmentId: this.environment.id, statusCode: 201, body };
  }

  newAttempt(delivery: DueDelivery, over: Partial<Attempt> = {}): Attempt {
    const { appId, endpointId, messageId, trigger } = delivery;
    return {
      id: this.id(ID_PREFIX.attempt),
      appId,
      endpointId,
      messageId,
      url: this.endpoint.url,
      timestamp: this.now,
      status: "success",
      trigger,
      statusCode: 200,
      errorClass: null,
      durationMs: 12,
      deliveryState: "succeeded",
      nextAttemptAt: null,
      responseBody: "ok",
      detail: {
        requestHeaders: { "webhook-id": messageId },
        responseHeaders: [["content-type", "text/plain"]],
        truncated: false,
        dnsMs: 1,
        connectMs: 2.5,
        tlsMs: null,
        firstByteMs: 3,
        reusedConnection: false,
      },
      ...over,
    };
  }

  delivery(message: Message, over: Partial<DueDelivery> = {}): DueDelivery {
    const key = { appId: message.appId, endpointId: this.endpoint.id, messageId: message.id };
    return { ...key, attempts: 0, trigger: "scheduled", once: false, order: 0, ...over };
  }

  /** A delivery whose attempt succeeded, unless told otherwise. */
  settled(delivery: DueDelivery, over: Partial<SettledDelivery> = {}): SettledDelivery {
    return {
      delivery,
      leaseId: this.leaseId,
      attempt: this.newAttempt(delivery),
      next: { kind: "ended" },
      endpoint: null,
      ...over,
    };
  }

  async settle(...settled: SettledDelivery[]): Promise<readonly boolean[]> {
    return (await this.store.deliveries.commit({ accepted: [], settled })).settled;
  }

  /** Accepts and delivers a message; returns both records. */
  async deliver(options: AcceptOptions = {}, attempt: Partial<Attempt> = {}): Promise<[Message, Attempt]> {
    const message = await this.accept({ ...options, leased: true });
    const [{ id: endpointId }] = options.endpoints ?? [this.endpoint];
    const delivery = this.delivery(message, { endpointId });
    const settled = this.settled(delivery, { attempt: this.newAttempt(delivery, attempt) });
    await this.settle(settled);
    return [message, settled.attempt!];
  }

  claimDue(
    over: Partial<{
      limit: number;
      bytesMax: number;
      fifo: boolean;
      endpoints: Endpoint[];
      leaseId: string;
    }> = {},
  ): Promise<ClaimedDelivery[]> {
    const { limit = 100, bytesMax = 1_000_000, fifo = false, endpoints = [this.endpoint] } = over;
    return this.store.deliveries.claimDue({
      leaseId: over.leaseId ?? this.leaseId,
      now: this.now,
      lanes: endpoints.map(({ appId, id: endpointId }) => ({ appId, endpointId, limit, fifo })),
      limit: 1_000,
      bytesMax,
    });
  }

  /** The state of a message's delivery to the endpoint; undefined when it has ended. */
  async due(message: Message, endpointId = this.endpoint.id) {
    const records = await this.store.deliveries.listDue({ appId: message.appId, messageId: message.id });
    return records.find((record) => record.endpointId === endpointId);
  }
}

type AcceptOptions = Partial<Message> & {
  endpoints?: readonly [Endpoint, ...Endpoint[]];
  leased?: boolean;
  leaseId?: string;
  idempotency?: IdempotencyClaim | null;
};

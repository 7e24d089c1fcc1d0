import type { Endpoint } from "../../domain/endpoint.ts";
import { PosthasteError } from "../../domain/errors.ts";
import type { AcceptOutcome, Engine } from "../../engine/engine.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import { AlreadyAnswered, type Store } from "../../storage/port.ts";
import type { CancelRequest, ClientEvent } from "../ledger.ts";

type Range = Pick<CancelRequest, "appId" | "endpointId" | "from" | "through">;

/** How often a change is made anew because the endpoint changed between reading and writing. */
const CHANGE_TRIES_MAX = 5;

/**
 * What the HTTP layer does with the engine and the store, without HTTP: the order of calls in its handlers is
 * part of what is simulated.
 */
export class Api {
  readonly #engine: Engine;
  readonly #store: Store;
  readonly #runtime: Runtime;
  readonly #environmentId: string;
  /** Writes to one application wait for each other. */
  readonly #tails = new Map<string, Promise<unknown>>();

  constructor(options: { engine: Engine; store: Store; runtime: Runtime; environmentId: string }) {
    this.#engine = options.engine;
    this.#store = options.store;
    this.#runtime = options.runtime;
    this.#environmentId = options.environmentId;
  }

  async send({ appId, key, eventType, eventId, payload }: ClientEvent): Promise<AcceptOutcome> {
    const environmentId = this.#environmentId;
    const application = await this.#engine.findApplication({ environmentId, ref: appId });
    if (application === null) throw new PosthasteError("not_found");
    const message = {
      eventType,
      eventId,
      payload,
      channels: null,
      tags: null,
      payloadExpiresAt: null,
      deliverAt: null,
    };
    const idempotency = key === null ? null : { scope: key, bodyHash: payload };
    const [outcome] = await this.#engine.accept({
      environmentId,
      application,
      messages: [message],
      idempotency,
    });
    if (outcome === undefined) throw new Error("an accepted request has no outcome");
    return outcome;
  }

  /** The endpoint that this key made, now or before. */
  createEndpoint(endpoint: Endpoint, key: string): Promise<string> {
    const { appId, id } = endpoint;
    const environmentId = this.#environmentId;
    const scope = `create/${key}`;
    return this.#inOrder(appId, async () => {
      const now = this.#runtime.clock.now();
      const known = await this.#store.environments.findAnswer({ environmentId, scope, now });
      if (known !== null) return known.body;
      const idempotency = { scope, bodyHash: key, createdAt: now, environmentId, statusCode: 201, body: id };
      try {
        await this.#engine.operational.tellingOfEndpoint({ before: null, after: endpoint }, (tells) =>
          this.#store.endpoints.insert(endpoint, { idempotency, tells }),
        );
      } catch (error) {
        if (!(error instanceof AlreadyAnswered)) throw error;
        // The same request came to another process as well, which was faster.
      }
      await this.#engine.applicationChanged(appId);
      return id;
    });
  }

  changeEndpoint(
    { appId, id }: Pick<Endpoint, "appId" | "id">,
    change: (stored: Endpoint, now: number) => Endpoint,
  ): Promise<void> {
    return this.#inOrder(appId, async () => {
      for (let tries = 0; tries < CHANGE_TRIES_MAX; tries++) {
        const stored = (await this.#store.endpoints.listAll(appId)).find((endpoint) => endpoint.id === id);
        if (stored === undefined) throw new PosthasteError("not_found");
        const now = this.#runtime.clock.now();
        const changed = { ...change(stored, now), updatedAt: Math.max(now, stored.updatedAt + 1) };
        const told = { before: stored, after: changed };
        const result = await this.#engine.operational.tellingOfEndpoint(told, (tells) =>
          this.#store.endpoints.update(changed, { basedOn: stored, tells }),
        );
        if (result === "stale") continue;
        if (result !== "updated") throw new PosthasteError("not_found");
        return this.#engine.applicationChanged(appId);
      }
      throw new PosthasteError("conflict");
    });
  }

  async deleteEndpoint({ appId, id }: Pick<Endpoint, "appId" | "id">): Promise<void> {
    const before = (await this.#endpointsOf(appId)).find((endpoint) => endpoint.id === id);
    if (before === undefined) throw new PosthasteError("not_found");
    await this.#inOrder(appId, async () => {
      const deleted = await this.#engine.operational.tellingOfEndpoint({ before, after: null }, (tells) =>
        this.#store.endpoints.delete({ appId, id, tells }),
      );
      if (!deleted) throw new PosthasteError("not_found");
      await this.#engine.applicationChanged(appId);
    });
  }

  /** Ends what is owed of the messages in a range; of one message at the endpoints that are owed it. */
  async cancel({ appId, endpointId, from, through }: Range): Promise<void> {
    const known = await this.#endpointsOf(appId);
    if (endpointId === null) {
      const owed = await this.#store.deliveries.listDue({ appId, messageId: from });
      const endpoints = known.filter(({ id }) => owed.some((record) => record.endpointId === id));
      return this.#engine.cancel({ appId, endpoints, from, through });
    }
    const endpoints = known.filter(({ id }) => id === endpointId);
    if (endpoints.length === 0) throw new PosthasteError("not_found");
    return this.#engine.cancel({ appId, endpoints, from, through });
  }

  async resend(key: { appId: string; endpointId: string; messageId: string }): Promise<void> {
    await this.#engine.resend({ ...key, idempotency: undefined });
  }

  async #endpointsOf(appId: string): Promise<readonly Endpoint[]> {
    const query = { environmentId: this.#environmentId, ref: appId };
    return (await this.#engine.findApplication(query))?.endpoints ?? [];
  }

  #inOrder<Result>(appId: string, work: () => Promise<Result>): Promise<Result> {
    const result = (this.#tails.get(appId) ?? Promise.resolve()).then(work);
    this.#tails.set(
      appId,
      result.catch(() => undefined),
    );
    return result;
  }
}

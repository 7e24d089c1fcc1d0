import type { Endpoint } from "../../domain/endpoint.ts";
import { PosthasteError } from "../../domain/errors.ts";
import type { AcceptOutcome, Engine } from "../../engine/engine.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import { AlreadyAnswered, type Store } from "../../storage/port.ts";
import type { ClientEvent } from "../ledger.ts";

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
    const message = { eventType, eventId, payload, channels: null, tags: null, payloadExpiresAt: null };
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
        await this.#store.endpoints.insert(endpoint, { idempotency });
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
        const result = await this.#store.endpoints.update(changed, { basedOn: stored });
        if (result === "stale") continue;
        if (result !== "updated") throw new PosthasteError("not_found");
        return this.#engine.applicationChanged(appId);
      }
      throw new PosthasteError("conflict");
    });
  }

  async deleteEndpoint({ appId, id }: Pick<Endpoint, "appId" | "id">): Promise<void> {
    const application = await this.#engine.findApplication({
      environmentId: this.#environmentId,
      ref: appId,
    });
    if (!application?.endpoints.some((endpoint) => endpoint.id === id)) throw new PosthasteError("not_found");
    await this.#inOrder(appId, async () => {
      if (!(await this.#store.endpoints.delete({ appId, id }))) throw new PosthasteError("not_found");
      await this.#engine.applicationChanged(appId);
    });
  }

  async resend(key: { appId: string; endpointId: string; messageId: string }): Promise<void> {
    await this.#engine.resend({ ...key, idempotency: undefined });
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

import { PosthasteError } from "../../domain/errors.ts";
import type { Endpoint } from "../../domain/endpoint.ts";
import type { AcceptOutcome } from "../../engine/engine.ts";
import type { Receivers } from "../faults/receivers.ts";
import { ID_PREFIX } from "../../domain/ids.ts";
import { ksuidFloor } from "../../domain/ksuid.ts";
import { WORLD_EPOCH_MS } from "../world/process.ts";
import { StoreUnavailable } from "../../storage/port.ts";
import type { Fleet, SimNode } from "../fleet.ts";
import type {
  CancelRequest,
  ClientEvent,
  EndpointRequest,
  Ledger,
  MessageAnswer,
  MessageRequest,
} from "../ledger.ts";
import type { Action, EndpointPlan } from "../scenario.ts";
import type { SeededRandom } from "../world/random.ts";
import type { World } from "../world/world.ts";
import type { Api } from "./api.ts";
import { newEndpoint, switchedOff, switchedOn, urlOf } from "./endpoints.ts";

/** How long a client waits for an answer, and between two tries. */
const PATIENCE_MS = 6_000;
const PAUSE_MS = { min: 50, max: 900 };
/** After faults have stopped, clients try again for this long before they give up. */
const GIVE_UP_AFTER_MS = 30_000;

/** How likely it is that somebody who switches an endpoint off switches it on again. */
const ENABLED_AGAIN = 0.6;

interface KnownEndpoint {
  readonly appId: string;
  readonly id: string;
  version: number;
}

/** What is asked for, before it is. */
type Asked =
  | Pick<EndpointRequest, "kind" | "appId" | "endpointId" | "messageId">
  | Pick<CancelRequest, "kind" | "appId" | "endpointId" | "from" | "through">;

/** What came of one call: the answer, a refusal, or nothing at all. */
type Reply<Value> =
  | { readonly kind: "value"; readonly value: Value }
  | { readonly kind: "error"; readonly error: PosthasteError }
  | { readonly kind: "lost" };

/** The platforms that use the program: they send, configure, and try again as their SDKs do. */
export class Clients {
  readonly #world: World;
  readonly #fleet: Fleet;
  readonly #ledger: Ledger;
  readonly #receivers: Receivers;
  readonly #random: SeededRandom;
  readonly #appIds: readonly string[];
  readonly #quietAt: number;
  readonly #endpoints: KnownEndpoint[];
  readonly #sent: MessageRequest[] = [];
  #events = 0;
  #busy = 0;
  /** What a client can only be told because of a bug. */
  readonly surprises: string[] = [];

  constructor(options: {
    world: World;
    fleet: Fleet;
    ledger: Ledger;
    receivers: Receivers;
    appIds: readonly string[];
    endpoints: readonly Pick<Endpoint, "appId" | "id">[];
    quietAt: number;
  }) {
    this.#world = options.world;
    this.#fleet = options.fleet;
    this.#ledger = options.ledger;
    this.#receivers = options.receivers;
    this.#random = options.world.random.fork();
    this.#appIds = options.appIds;
    this.#quietAt = options.quietAt;
    this.#endpoints = options.endpoints.map(({ appId, id }) => ({ appId, id, version: 0 }));
  }

  /** Requests that have not come to an end. */
  get busy(): number {
    return this.#busy;
  }

  act(action: Action): void {
    switch (action.kind) {
      case "send":
        for (let count = 0; count < action.count; count++) this.#sendOne(action);
        return;
      case "create":
        return this.#inBackground(this.#create(this.#appIds[action.application] ?? "", action.endpoint));
      case "resend":
        return this.#resendOne();
      case "cancel":
        return this.#cancel(action);
      case "disable":
      case "enable":
      case "delete":
      case "patch":
        if (this.#endpoints.length > 0)
          this.#inBackground(this.#change(action.kind, this.#random.int(0, this.#endpoints.length - 1)));
    }
  }

  // ---------------------------------------------------------------- messages

  #sendOne(action: Extract<Action, { kind: "send" }>): void {
    const number = ++this.#events;
    const appId = this.#appIds[action.application] ?? "";
    const name = (prefix: string, how: "own" | "none" | "used"): string | null => {
      if (how === "none") return null;
      return how === "own" ? `${prefix}${number}` : `${prefix}${this.#random.int(1, number)}`;
    };
    const event: ClientEvent = {
      number,
      appId,
      eventType: action.eventType,
      eventId: name(`${appId}-e`, action.eventId),
      key: name(`${appId}-k`, action.key),
      payload: `{"n":${number}}`,
    };
    this.#inBackground(this.#send(event));
    if (action.twice && event.key !== null) this.#inBackground(this.#send(event));
  }

  /** Until it is told yes or no; without a key it does not repeat what may have happened. */
  async #send(event: ClientEvent): Promise<void> {
    for (;;) {
      const node = await this.#anyNode();
      if (node === null) return;
      const request: MessageRequest = {
        kind: "message",
        event,
        process: node.process,
        askedAt: this.#world.now,
        answeredAt: null,
        answer: null,
      };
      this.#sent.push(request);
      this.#ledger.add({ kind: "asked", request });
      const answer = toMessageAnswer(await this.#call(node, (api) => api.send(event)));
      request.answer = answer;
      request.answeredAt = this.#world.now;
      this.#world.log("client", `event ${event.number} ${answer.kind}`);
      this.#ledger.add({ kind: "answered", request });
      const again = answer.kind === "refused" || (answer.kind === "lost" && event.key !== null);
      if (!again) return;
      await this.#pause();
    }
  }

  #drawKnown(): { appId?: string; messageId?: string } {
    const known = this.#sent.flatMap(({ event, answer }) =>
      answer?.kind === "accepted" ? [{ appId: event.appId, messageId: answer.messageId }] : [],
    );
    return known[this.#random.int(0, known.length - 1)] ?? {};
  }

  #resendOne(): void {
    const { appId, messageId } = this.#drawKnown();
    const endpoints = this.#endpoints.filter((endpoint) => endpoint.appId === appId);
    const endpoint = endpoints[this.#random.int(0, endpoints.length - 1)];
    if (endpoint === undefined || appId === undefined || messageId === undefined) return;
    const key = { appId, endpointId: endpoint.id, messageId };
    this.#inBackground(this.#request({ kind: "resend", ...key, again: false }, (api) => api.resend(key)));
  }

  #cancel({ of, endpoint: index, backMs }: Extract<Action, { kind: "cancel" }>): void {
    const cancel = (range: Pick<CancelRequest, "appId" | "endpointId" | "from" | "through">): void =>
      this.#inBackground(
        this.#request({ kind: "cancel", ...range, again: true }, (api) => api.cancel(range)),
      );
    if (of === "message") {
      const { appId, messageId } = this.#drawKnown();
      if (appId === undefined || messageId === undefined) return;
      return cancel({ appId, endpointId: null, from: messageId, through: messageId });
    }
    const endpoint = this.#endpoints[index ?? this.#random.int(0, this.#endpoints.length - 1)];
    if (endpoint === undefined) return;
    const through = ksuidFloor(ID_PREFIX.message, Math.round(WORLD_EPOCH_MS + this.#world.now - backMs));
    cancel({ appId: endpoint.appId, endpointId: endpoint.id, from: "", through });
  }

  // ---------------------------------------------------------------- endpoints

  async #create(appId: string, plan: EndpointPlan): Promise<void> {
    const id = `ep_${appId.slice(4)}c${++this.#events}`;
    const endpoint = newEndpoint({ appId, id, plan });
    this.#receivers.add({ url: endpoint.url, phases: plan.phases });
    const make = (api: Api) => api.createEndpoint(endpoint, id);
    const done = await this.#request(
      { kind: "create", appId, endpointId: id, messageId: null, again: true },
      make,
    );
    if (done) this.#endpoints.push({ appId, id, version: 0 });
  }

  async #change(kind: "disable" | "enable" | "delete" | "patch", index: number): Promise<void> {
    const endpoint = this.#endpoints[index];
    if (endpoint === undefined) return;
    const { appId, id: endpointId } = endpoint;
    const request = { kind, appId, endpointId, messageId: null, again: true };
    if (kind === "delete") {
      this.#endpoints.splice(index, 1);
      await this.#request(request, (api) => api.deleteEndpoint(endpoint));
    } else if (kind === "patch") {
      const change = this.#drawPatch(endpoint);
      await this.#request(request, (api) => api.changeEndpoint(endpoint, change));
    } else if (kind === "enable") {
      await this.#request(request, (api) => api.changeEndpoint(endpoint, switchedOn));
    } else {
      await this.#request(request, (api) => api.changeEndpoint(endpoint, switchedOff));
      if (!this.#random.chance(ENABLED_AGAIN)) return;
      await this.#pause();
      await this.#request({ ...request, kind: "enable" }, (api) => api.changeEndpoint(endpoint, switchedOn));
    }
  }

  #drawPatch(endpoint: KnownEndpoint): (stored: Endpoint) => Endpoint {
    const throttleRate = this.#random.chance(0.3) ? null : this.#random.int(2, 40);
    const retryScheduleMs = this.#random.pick([null, [500], [300, 900]]);
    const what = this.#random.weighted({ move: 2, throttle: 2, schedule: 1 });
    if (what === "throttle") return (stored) => ({ ...stored, throttleRate });
    if (what === "schedule") return (stored) => ({ ...stored, retryScheduleMs });
    endpoint.version += 1;
    const url = urlOf(endpoint, endpoint.version);
    this.#receivers.add({ url, phases: [{ from: 0, behaviour: { kind: "ok" } }] });
    return (stored) => ({ ...stored, url });
  }

  // ---------------------------------------------------------------- requests

  /** Asks until there is an answer; returns whether it was done. */
  async #request(
    { again, ...asked }: Asked & { again: boolean },
    work: (api: Api) => Promise<unknown>,
  ): Promise<boolean> {
    for (;;) {
      const node = await this.#anyNode();
      if (node === null) return false;
      const request: EndpointRequest | CancelRequest = {
        ...asked,
        process: node.process,
        askedAt: this.#world.now,
        answeredAt: null,
        answer: null,
      };
      this.#ledger.add({ kind: "asked", request });
      const reply = await this.#call(node, work);
      request.answer = toEndpointAnswer(reply);
      request.answeredAt = this.#world.now;
      this.#world.log("client", `${request.kind} ${request.endpointId ?? ""} ${request.answer}`);
      this.#ledger.add({ kind: "answered", request });
      if (request.answer === "done" || request.answer === "gone" || !again) return request.answer === "done";
      await this.#pause();
    }
  }

  /** One call to one process; nothing comes back from one that dies meanwhile, or takes too long. */
  #call<Value>(node: SimNode, work: (api: Api) => Promise<Value>): Promise<Reply<Value>> {
    return new Promise((resolve) => {
      const lost = (): void => resolve({ kind: "lost" });
      const cancel = this.#world.after(PATIENCE_MS, lost);
      node.process.onExit(lost);
      const answered = (reply: Reply<Value>): void => {
        cancel();
        if (node.process.alive) resolve(reply);
      };
      work(node.api).then(
        (value) => answered({ kind: "value", value }),
        (error: unknown) => answered(this.#toError(error)),
      );
    });
  }

  #toError(error: unknown): Reply<never> {
    if (error instanceof PosthasteError) return { kind: "error", error };
    // The HTTP layer answers 503 when the store is away; 500, for anything else, is a bug.
    const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    if (!(error instanceof StoreUnavailable)) this.surprises.push(message);
    return { kind: "error", error: new PosthasteError("unavailable", message) };
  }

  async #anyNode(): Promise<SimNode | null> {
    while (this.#world.now < this.#quietAt + GIVE_UP_AFTER_MS) {
      const { serving } = this.#fleet;
      const node = serving[this.#random.int(0, serving.length - 1)];
      if (node !== undefined) return node;
      await this.#pause();
    }
    return null;
  }

  #pause(): Promise<void> {
    return this.#world.sleep(this.#random.between(PAUSE_MS.min, PAUSE_MS.max));
  }

  #inBackground(work: Promise<unknown>): void {
    this.#busy += 1;
    work.then(
      () => (this.#busy -= 1),
      (error: unknown) => {
        this.#busy -= 1;
        this.surprises.push(String(error));
      },
    );
  }
}

function toMessageAnswer(reply: Reply<AcceptOutcome>): MessageAnswer {
  if (reply.kind === "lost") return { kind: "lost" };
  if (reply.kind === "error") return { kind: "refused" };
  const { value } = reply;
  if (value.kind === "conflict") return value;
  return { kind: "accepted", messageId: value.message.id };
}

function toEndpointAnswer(reply: Reply<unknown>): NonNullable<EndpointRequest["answer"]> {
  if (reply.kind !== "error") return reply.kind === "lost" ? "lost" : "done";
  return reply.error.code === "not_found" ? "gone" : "refused";
}

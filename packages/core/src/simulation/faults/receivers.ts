import type { Egress, EgressErrorClass, EgressOutcome, EgressRequest } from "../../egress/egress.ts";
import type { Ledger, Post } from "../ledger.ts";
import type { SimProcess } from "../world/process.ts";
import type { SeededRandom } from "../world/random.ts";
import { type CallFaults, fateOf, NO_CALL_FAULTS } from "./faults.ts";
import type { Weather } from "./store-link.ts";

/** How a receiver behaves while it does. */
export type Behaviour =
  | { readonly kind: "ok" }
  | { readonly kind: "slow"; readonly ms: number }
  | { readonly kind: "hang" }
  | { readonly kind: "status"; readonly statusCode: number }
  | { readonly kind: "busy"; readonly statusCode: number; readonly retryAfterS: number }
  | { readonly kind: "refuse" }
  | { readonly kind: "reset" }
  /** Each of these in turn, as the seed says. */
  | { readonly kind: "flapping"; readonly failures: number };

/** A receiver: what it does now, and from a moment on. */
export interface ReceiverScript {
  readonly url: string;
  readonly phases: readonly { readonly from: number; readonly behaviour: Behaviour }[];
}

const NETWORK_MS = { min: 0.2, max: 30 };
const TIMINGS = { dnsMs: null, connectMs: null, tlsMs: null, firstByteMs: null, reused: true };
const BODY = new Uint8Array(0);

interface Reply {
  readonly afterMs: number;
  readonly outcome: EgressOutcome;
}

/** All receivers of a simulation, and the way to them from each process. */
export class Receivers {
  readonly #scripts = new Map<string, ReceiverScript>();
  readonly #random: SeededRandom;
  readonly #ledger: Ledger;
  readonly #weather: Weather;
  readonly #faults: CallFaults;
  #posts = 0;

  constructor(options: { random: SeededRandom; ledger: Ledger; weather: Weather; faults: CallFaults }) {
    this.#random = options.random;
    this.#ledger = options.ledger;
    this.#weather = options.weather;
    this.#faults = options.faults;
  }

  add(script: ReceiverScript): void {
    this.#scripts.set(script.url, script);
  }

  behaviourOf(url: string, at: number): Behaviour {
    const phases = this.#scripts.get(url)?.phases ?? [];
    return phases.findLast(({ from }) => from <= at)?.behaviour ?? { kind: "refuse" };
  }

  egressOf(process: SimProcess): Egress {
    return { post: (request) => this.#post(process, request), close: () => Promise.resolve() };
  }

  #post(process: SimProcess, request: EgressRequest): Promise<EgressOutcome> {
    const { world } = process;
    return new Promise((resolve) => {
      if (!process.alive) return;
      const fate = fateOf(this.#random, this.#weather.stormy ? this.#faults : NO_CALL_FAULTS);
      const post = this.#newPost(process, request);
      world.log(process.name, `POST ${post.endpointId} ${post.messageId}`);
      this.#ledger.add({ kind: "posted", post });
      const behaviour = this.behaviourOf(request.url, world.now);
      const { afterMs, outcome } = this.#replyTo(behaviour, request, fate === "slow");
      if (isSuccess(outcome)) world.after(afterMs * 0.6, () => this.#delivered(post));
      if (fate === "crashBefore") return process.exit();
      const hear = (heard: EgressOutcome): void => {
        cancel();
        request.signal?.removeEventListener("abort", interrupt);
        post.endedAt = world.now;
        post.heardWallAt = process.runtime.clock.now();
        post.outcome = heard;
        world.log(
          process.name,
          `heard ${post.messageId} ${heard.kind === "response" ? heard.statusCode : heard.errorClass}`,
        );
        this.#ledger.add({ kind: "replied", post, outcome: heard });
        resolve(heard);
      };
      const interrupt = (): void => hear(failure("interrupted", world.now - post.startedAt));
      const cancel = process.after(afterMs, () => (fate === "crashAfter" ? process.exit() : hear(outcome)));
      request.signal?.addEventListener("abort", interrupt);
    });
  }

  #delivered(post: Post): void {
    // An attempt that was cut before may still have got there.
    post.deliveredAt = post.process.world.now;
    this.#ledger.add({ kind: "delivered", post });
  }

  #newPost(process: SimProcess, request: EgressRequest): Post {
    const [, appId = "", endpointId = ""] = /\/(app_\w+)\/(ep_\w+)/.exec(request.url) ?? [];
    return {
      number: ++this.#posts,
      process,
      appId,
      endpointId,
      messageId: request.headers["webhook-id"] ?? "",
      request,
      startedAt: process.world.now,
      wallAt: process.runtime.clock.now(),
      deliveredAt: null,
      endedAt: null,
      heardWallAt: null,
      outcome: null,
    };
  }

  #replyTo(behaviour: Behaviour, { deadlineMs }: EgressRequest, slow: boolean): Reply {
    const ms =
      this.#random.between(NETWORK_MS.min, NETWORK_MS.max) + (slow ? this.#random.between(50, 1_500) : 0);
    const reply = this.#behave(behaviour, ms);
    if (reply.afterMs < deadlineMs) return reply;
    return { afterMs: deadlineMs, outcome: failure("timeout", deadlineMs) };
  }

  #behave(behaviour: Behaviour, ms: number): Reply {
    switch (behaviour.kind) {
      case "ok":
        return response(200, ms);
      case "slow":
        return response(200, ms + this.#random.between(0, behaviour.ms));
      case "hang":
        return { afterMs: Number.POSITIVE_INFINITY, outcome: failure("timeout", 0) };
      case "status":
        return response(behaviour.statusCode, ms);
      case "busy":
        return response(behaviour.statusCode, ms, [["retry-after", String(behaviour.retryAfterS)]]);
      case "refuse":
        return { afterMs: ms, outcome: failure("connect_refused", ms) };
      case "reset":
        return { afterMs: ms, outcome: failure("connection_reset", ms) };
      case "flapping":
        break;
    }
    const bad = this.#random.chance(behaviour.failures);
    return bad ? response(this.#random.pick([500, 502, 503, 404]), ms) : response(204, ms);
  }
}

function isSuccess(outcome: EgressOutcome): boolean {
  return outcome.kind === "response" && outcome.statusCode >= 200 && outcome.statusCode < 300;
}

function response(statusCode: number, afterMs: number, headers: [string, string][] = []): Reply {
  const timings = { ...TIMINGS, totalMs: afterMs };
  return {
    afterMs,
    outcome: { kind: "response", statusCode, headers, body: BODY, truncated: false, timings },
  };
}

function failure(errorClass: EgressErrorClass, totalMs: number): EgressOutcome {
  const message = `It ended as ${errorClass}.`;
  return { kind: "failure", errorClass, message, detail: "", timings: { ...TIMINGS, totalMs } };
}

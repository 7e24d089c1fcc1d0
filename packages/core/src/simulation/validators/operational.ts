import type { Endpoint } from "../../domain/endpoint.ts";
import type { Message } from "../../domain/message.ts";
import { isOperational } from "../../domain/operational.ts";
import type { SettledDelivery } from "../../storage/port.ts";
import type { SimEvent } from "../ledger.ts";
import { unfinished } from "./acceptance.ts";
import { type Facts, type Validator } from "./validator.ts";

/** How often a delivery has to fail until that is told. */
const FAILING_ATTEMPTS = 4;
const LOG = "message.attempt.log";

/** Something that was stored and is to be told; `about` names it. */
interface Cause {
  readonly type: string;
  readonly about: string;
}

export const operationalIsTold: Validator = {
  name: "operationalIsTold",
  promise:
    "each operational webhook is stored with what it tells of, in one transaction, and delivered like any message: none is missing for what was stored, none is there for what was not",
  watch(facts, violated) {
    const { state } = facts;
    const application = [...state.applications.values()].find(({ entity }) => isOperational(entity))?.entity;
    if (application === undefined) return {};
    const appId = application.id;
    const endpoints = state.endpointsOf(appId);
    const causes = new Causes(facts, appId);
    const owed: { appId: string; endpointId: string; messageId: string }[] = [];
    let seen = 0;
    return {
      on(event) {
        if (event.kind !== "committed" && event.kind !== "written") return;
        const missing = new Map<string, number>();
        for (const { type, about } of causes.of(event)) {
          if (!endpoints.some((endpoint) => asksFor(endpoint, type))) continue;
          missing.set(`${type} of ${about}`, (missing.get(`${type} of ${about}`) ?? 0) + 1);
        }
        const messages = state.messages.get(appId);
        const told =
          messages === undefined || messages.size === seen ? [] : [...messages.values()].slice(seen);
        seen += told.length;
        for (const message of told) {
          const name = `${message.eventType} of ${aboutOf(message)}`;
          const left = (missing.get(name) ?? 0) - 1;
          if (left < 0) violated(`${name} was told as ${message.id}, but that was not stored with it`);
          else if (left === 0) missing.delete(name);
          else missing.set(name, left);
          for (const endpoint of endpoints) {
            const key = { appId, endpointId: endpoint.id, messageId: message.id };
            const isOwed = state.dueRow(key) !== undefined;
            if (isOwed) owed.push(key);
            if (isOwed === asksFor(endpoint, message.eventType)) continue;
            violated(`${name} is ${isOwed ? "" : "not "}owed to ${endpoint.id}`);
          }
        }
        for (const name of missing.keys()) violated(`${name} was stored and is not told`);
      },
      end() {
        for (const key of owed) {
          const problem = unfinished(facts, key);
          if (problem !== null) violated(`${key.messageId} to ${key.endpointId} ${problem}`);
        }
      },
    };
  },
};

/** The log of every attempt goes only to who names it. */
function asksFor({ eventTypes }: Endpoint, type: string): boolean {
  return eventTypes === null ? type !== LOG : eventTypes.includes(type);
}

/** What each write to the store is to tell, by what it did; what the program says of that is not looked at. */
class Causes {
  readonly #facts: Facts;
  readonly #operationalAppId: string;
  /** Endpoints that are disabled, as of the last write. */
  readonly #disabled = new Set<string>();

  constructor(facts: Facts, operationalAppId: string) {
    this.#facts = facts;
    this.#operationalAppId = operationalAppId;
  }

  of(event: Extract<SimEvent, { kind: "committed" | "written" }>): Cause[] {
    if (event.kind === "written") return this.#ofChange(event);
    return event.batch.settled.flatMap((settled, index) => {
      const kept = event.result.settled[index] === true;
      return kept && settled.delivery.appId !== this.#operationalAppId ? this.#ofSettled(settled) : [];
    });
  }

  #ofSettled(settled: SettledDelivery): Cause[] {
    const { attempt, delivery } = settled;
    if (attempt === null || attempt.status === "canceled") return [];
    const about = `${attempt.id} ${delivery.messageId} ${delivery.endpointId}`;
    const causes: Cause[] = [{ type: LOG, about }];
    const news = newsOf(settled);
    if (news !== null) causes.push({ type: `message.attempt.${news}`, about });
    if (this.#isNowDisabled(delivery.endpointId)) {
      causes.push({ type: "endpoint.disabled", about: `${delivery.endpointId} automatic` });
    }
    return causes;
  }

  #ofChange({ change, endpointId }: Extract<SimEvent, { kind: "written" }>): Cause[] {
    if (change === "insert") return [{ type: "endpoint.created", about: endpointId }];
    if (change === "delete") return [{ type: "endpoint.deleted", about: endpointId }];
    const updated = { type: "endpoint.updated", about: endpointId };
    const was = this.#disabled.has(endpointId);
    if (this.#isNowDisabled(endpointId)) {
      return [updated, { type: "endpoint.disabled", about: `${endpointId} manual` }];
    }
    const enabled = was && !this.#disabled.has(endpointId);
    return enabled ? [updated, { type: "endpoint.enabled", about: endpointId }] : [updated];
  }

  /** Whether it has been disabled since the last write. */
  #isNowDisabled(endpointId: string): boolean {
    const kept = this.#facts.state.endpoints.get(endpointId);
    const was = this.#disabled.has(endpointId);
    if (kept?.entity.disabled === true) this.#disabled.add(endpointId);
    else this.#disabled.delete(endpointId);
    return !was && this.#disabled.has(endpointId);
  }
}

/** `once`: asked for by a person after the delivery had ended; that person sees what comes of it. */
function newsOf({ attempt, delivery, next }: SettledDelivery): "recovered" | "exhausted" | "failing" | null {
  const state = attempt?.deliveryState;
  if (state === "succeeded") return delivery.attempts >= FAILING_ATTEMPTS ? "recovered" : null;
  if (delivery.once) return null;
  if (state === "failed") return "exhausted";
  if (next.kind === "ended" || next.attempts === delivery.attempts) return null;
  return next.attempts === FAILING_ATTEMPTS ? "failing" : null;
}

function aboutOf({ eventType, payload }: Message): string {
  const { data }: { data: unknown } = JSON.parse(payload ?? "{}");
  // The log has a list of one attempt.
  const [one]: unknown[] = Array.isArray(data) ? data : [data];
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the contract says of it
  const { endpointId, msgId, attemptId, lastAttempt, trigger } = one as Record<string, string> & {
    lastAttempt?: { id: string };
  };
  if (msgId !== undefined) return `${lastAttempt?.id ?? attemptId} ${msgId} ${endpointId}`;
  return eventType === "endpoint.disabled" ? `${endpointId} ${trigger}` : String(endpointId);
}

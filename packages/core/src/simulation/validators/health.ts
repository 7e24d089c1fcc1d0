import { NODE_BEAT_MS, NODE_DEAD_AFTER_MS, TAKEOVER_STEP_MS } from "../../domain/limits.ts";
import type { Post } from "../ledger.ts";
import { deliveryId, type Validator } from "./validator.ts";

export const nothingIsLeftBehind: Validator = {
  name: "nothingIsLeftBehind",
  promise: "a process that has nothing to do holds nothing: no places in lanes, no bytes, nothing to commit",
  watch: ({ fleet }, violated) => ({
    end() {
      for (const { engine, process, stopping } of fleet.living) {
        if (stopping) continue;
        const { inFlight, queuedDeliveries, queuedBytes, commitQueue } = engine.snapshot();
        if (inFlight + queuedDeliveries + queuedBytes + commitQueue > 0) {
          violated(
            `${process.name} still has ${inFlight} in flight, ${queuedDeliveries} queued (${queuedBytes} bytes), ${commitQueue} to commit`,
          );
        }
      }
    },
  }),
};

export const nothingBreaks: Validator = {
  name: "nothingBreaks",
  promise: "no process meets an error that only a bug can cause, whatever the store and the receivers do",
  watch: ({ fleet, clients }, violated) => ({
    on(event) {
      if (event.kind !== "exited") return;
      for (const error of event.process.errors.filter(isBug)) violated(`${event.process.name}: ${error}`);
    },
    end() {
      for (const { process } of fleet.living) {
        for (const error of process.errors.filter(isBug)) violated(`${process.name}: ${error}`);
      }
      for (const surprise of clients.surprises) violated(`a client was told of ${surprise}`);
    },
  }),
};

function isBug(error: string): boolean {
  return !error.includes("StoreUnavailable");
}

/** A healthy endpoint's first attempt starts within this, whatever the others do. */
const START_WITHIN_MS = 1_500;
/** Among many, what a dead node had leased is taken over by then. */
const TAKEN_OVER_MS = NODE_DEAD_AFTER_MS + 2 * TAKEOVER_STEP_MS + NODE_BEAT_MS;

export const healthyIsServed: Validator = {
  name: "healthyIsServed",
  promise:
    "what is accepted for an endpoint that works is sent within a second and a half, whatever others hang",
  watch(facts, violated) {
    const waiting = new Map<string, { at: number; endpointId: string; appId: string }>();
    const check = (id: string, post: Post | null): void => {
      const owed = waiting.get(id);
      if (owed === undefined) return;
      waiting.delete(id);
      const startedAt = post?.startedAt ?? facts.world.now;
      const from = Math.max(owed.at, facts.calmSince() + (facts.scenario.nodes > 1 ? TAKEN_OVER_MS : 0));
      if (startedAt - from > START_WITHIN_MS && isHealthy(owed, { from, current: post })) {
        violated(`${id} was sent only ${(startedAt - from).toFixed(0)} ms after everything was well`);
      }
    };
    return {
      on(event) {
        if (event.kind === "posted") check(deliveryId(event.post), event.post);
        if (event.kind === "ended") check(deliveryId(event.row), null);
        if (event.kind !== "committed") return;
        for (const [index, { message, deliveries }] of event.batch.accepted.entries()) {
          if (event.result.accepted[index]?.kind !== "accepted") continue;
          for (const { endpointId, fifo } of deliveries) {
            const key = { endpointId, messageId: message.id };
            if (!fifo)
              waiting.set(deliveryId(key), { at: facts.world.now, endpointId, appId: message.appId });
          }
        }
      },
    };

    /** It has always answered at once, and nobody holds it back. */
    function isHealthy(
      { endpointId, appId }: { endpointId: string; appId: string },
      { from, current }: { from: number; current: Post | null },
    ): boolean {
      const kept = facts.state.endpoint({ appId, endpointId });
      const application = facts.state.applications.get(appId)?.entity;
      if (kept === undefined || kept.deleted || kept.entity.disabled || application?.throttleRate !== null)
        return false;
      if (kept.entity.throttleRate !== null) return false;
      const touched = facts.ledger.endpoints.some(
        (request) => request.endpointId === endpointId && request.askedAt > from - 5_000,
      );
      if (touched) return false;
      return facts.ledger.posts.every(
        (post) => post.endpointId !== endpointId || post === current || isQuick(post),
      );
    }

    /** It answered at once, or may still. */
    function isQuick({ startedAt, deliveredAt, endedAt }: Post): boolean {
      if (endedAt !== null && deliveredAt === null) return false;
      return (deliveredAt ?? facts.world.now) - startedAt < 100;
    }
  },
};

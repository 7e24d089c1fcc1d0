import type { Post } from "../ledger.ts";
import { deliveryId, type Facts, type Validator } from "./validator.ts";

/** The last POST of a delivery, with what its process made of it. */
interface Sent {
  readonly post: Post;
  /** A commit said that the delivery goes on. */
  goesOn: boolean;
  /** A later message was sent after this one had been answered, and before a commit said what came of it. */
  overtaken: string | null;
}

export const fifoWaits: Validator = {
  name: "fifoWaits",
  promise: "a FIFO endpoint is sent nothing while a message that was accepted before is still owed to it",
  watch(facts, violated) {
    const line = new Line(facts);
    const last = new Map<string, Sent>();
    return {
      on(event) {
        line.see(event);
        if (event.kind === "posted") {
          const { post } = event;
          for (const messageId of line.owedBefore(post)) {
            const before = last.get(deliveryId({ endpointId: post.endpointId, messageId }));
            const explanation = `${post.messageId} was sent to ${post.endpointId} while ${messageId}, accepted before it, is still owed`;
            // Whoever sent the earlier one may know that it has ended before the store does.
            const isTrusted = before?.post.process === post.process && before.post.endedAt !== null;
            if (!isTrusted || before.goesOn) violated(explanation);
            else before.overtaken = explanation;
          }
          last.set(deliveryId(post), { post, goesOn: false, overtaken: null });
        }
        if (event.kind !== "committed") return;
        for (const { delivery, attempt, next } of event.batch.settled) {
          const sent = last.get(deliveryId(delivery));
          // Results of POSTs before the last may come late, as history under a lease that was lost.
          if (attempt === null || sent?.post.process !== event.process) continue;
          if (attempt.timestamp !== sent.post.wallAt) continue;
          sent.goesOn = next.kind !== "ended";
          if (sent.goesOn && sent.overtaken !== null) violated(sent.overtaken);
        }
      },
    };
  },
};

export const fifoArrives: Validator = {
  name: "fifoArrives",
  promise: "at a FIFO endpoint no message arrives for the first time after one that was accepted later",
  watch(facts, violated) {
    const line = new Line(facts);
    const arrived = new Map<string, Set<string>>();
    return {
      on(event) {
        line.see(event);
        if (event.kind !== "delivered") return;
        const { endpointId, messageId } = event.post;
        const known = arrived.get(endpointId) ?? new Set();
        arrived.set(endpointId, known);
        if (known.has(messageId)) return;
        known.add(messageId);
        for (const later of line.after(event.post)) {
          if (known.has(later))
            violated(`${messageId} arrived at ${endpointId} only after ${later}, which was accepted later`);
        }
      },
    };
  },
};

/** The order of acceptance at FIFO endpoints; what a person had sent again stands outside of it. */
class Line {
  readonly #facts: Facts;
  readonly #accepted = new Map<string, string[]>();
  readonly #resent = new Set<string>();

  constructor(facts: Facts) {
    this.#facts = facts;
  }

  see(event: Parameters<Facts["ledger"]["add"]>[0]): void {
    if (event.kind === "committed") {
      for (const [index, { message, deliveries }] of event.batch.accepted.entries()) {
        if (event.result.accepted[index]?.kind !== "accepted") continue;
        for (const { endpointId, fifo } of deliveries) {
          if (fifo) this.#accepted.set(endpointId, [...(this.#accepted.get(endpointId) ?? []), message.id]);
        }
      }
    } else if (event.kind === "asked" && event.request.kind === "resend") {
      const { endpointId, messageId } = event.request;
      this.#resent.add(deliveryId({ endpointId, messageId: messageId ?? "" }));
    }
  }

  /** What was accepted before this and is owed to its endpoint, as the store knows. */
  owedBefore({ appId, endpointId, messageId }: Post): string[] {
    return this.#part(endpointId, messageId, (at) => [0, at]).filter((earlier) => {
      const row = this.#facts.state.dueRow({ appId, endpointId, messageId: earlier });
      return row !== undefined && !row.once;
    });
  }

  after({ endpointId, messageId }: Post): string[] {
    return this.#part(endpointId, messageId, (at) => [at + 1, Number.POSITIVE_INFINITY]);
  }

  #part(
    endpointId: string,
    messageId: string,
    range: (at: number) => [from: number, until: number],
  ): string[] {
    const order = this.#accepted.get(endpointId) ?? [];
    const at = order.indexOf(messageId);
    const isResent = (id: string): boolean => this.#resent.has(deliveryId({ endpointId, messageId: id }));
    if (at === -1 || isResent(messageId)) return [];
    return order.slice(...range(at)).filter((id) => !isResent(id));
  }
}

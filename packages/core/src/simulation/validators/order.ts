import { deliveryId, type Validator } from "./validator.ts";

export const fifoHolds: Validator = {
  name: "fifoHolds",
  promise:
    "a FIFO endpoint gets messages in the order of their acceptance, each only after the one before has ended",
  watch({ state }, violated) {
    /** In the order of acceptance, by endpoint. */
    const accepted = new Map<string, string[]>();
    const delivered = new Map<string, Set<string>>();
    const resent = new Set<string>();
    return {
      on(event) {
        if (event.kind === "committed") {
          for (const [index, { message, deliveries }] of event.batch.accepted.entries()) {
            if (event.result.accepted[index]?.kind !== "accepted") continue;
            for (const { endpointId, fifo } of deliveries) {
              if (fifo) accepted.set(endpointId, [...(accepted.get(endpointId) ?? []), message.id]);
            }
          }
        } else if (event.kind === "asked" && event.request.kind === "resend") {
          const { endpointId, messageId } = event.request;
          resent.add(deliveryId({ endpointId, messageId: messageId ?? "" }));
        } else if (event.kind === "posted") {
          const { appId, endpointId, messageId } = event.post;
          const order = accepted.get(endpointId);
          if (order === undefined || resent.has(deliveryId(event.post))) return;
          const done = delivered.get(endpointId);
          for (const earlier of order.slice(0, Math.max(0, order.indexOf(messageId)))) {
            if (resent.has(deliveryId({ endpointId, messageId: earlier }))) continue;
            const row = state.dueRow({ appId, endpointId, messageId: earlier });
            if (row === undefined || row.once || done?.has(earlier) === true) continue;
            violated(
              `${messageId} was sent to ${endpointId} while ${earlier}, accepted before it, is still owed`,
            );
          }
        } else if (event.kind === "replied") {
          const { endpointId, messageId, deliveredAt } = event.post;
          if (deliveredAt !== null)
            delivered.set(endpointId, (delivered.get(endpointId) ?? new Set()).add(messageId));
        }
      },
    };
  },
};

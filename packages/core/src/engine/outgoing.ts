import { ID_PREFIX } from "../domain/ids.ts";
import { ksuidTime } from "../domain/ksuid.ts";
import type { TransformedMethod } from "../domain/transformation.ts";
import { type Failure, failure } from "../egress/failure.ts";
import type { Transformer } from "../transform/transformer.ts";
import type { Lane, QueuedDelivery } from "./lanes/lane.ts";

/** What an attempt sends, once the endpoint's transformation has seen it. */
export type Outgoing =
  | {
      readonly kind: "send";
      readonly url: string;
      readonly method: TransformedMethod;
      readonly headers: Readonly<Record<string, string>>;
      readonly payload: string;
    }
  | { readonly kind: "cancel" }
  /** Nothing can be sent: the attempt fails. */
  | { readonly kind: "failed"; readonly failure: Failure };

/**
 * Runs the endpoint's transformation for one attempt. Time and randomness inside are the message's, so that every
 * attempt of a message that the same code transforms is the same request.
 */
export async function transformed(
  { endpoint }: Pick<Lane, "endpoint">,
  item: Pick<QueuedDelivery, "delivery" | "eventType"> & { payload: string },
  transformer: Transformer | null,
): Promise<Outgoing> {
  const { code, variables } = endpoint.transformation ?? { code: null, variables: null };
  if (code === null || transformer === null) return failing("transformation_failed", "nothing runs it");
  const { messageId } = item.delivery;
  const outcome = await transformer.run({
    key: endpoint.id,
    untrusted: false,
    code,
    variables,
    eventType: item.eventType,
    url: endpoint.url,
    payload: item.payload,
    seed: messageId,
    now: ksuidTime(ID_PREFIX.message, messageId) ?? 0,
  });
  if (outcome.kind === "interrupted") return failing("interrupted", "stopped before it was transformed");
  if (outcome.kind === "failed") {
    return failing("transformation_failed", "the endpoint's code failed", outcome.message);
  }
  if (outcome.cancel) return { kind: "cancel" };
  const { url, method, headers, payload } = outcome;
  return { kind: "send", url, method, headers, payload };
}

function failing(
  errorClass: "transformation_failed" | "interrupted",
  detail: string,
  message?: string,
): Outgoing {
  return { kind: "failed", failure: failure(errorClass, detail, message) };
}

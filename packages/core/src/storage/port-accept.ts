/** Messages on their way in, with what they owe. */
import type { Message } from "../domain/message.ts";
import type { IdempotencyClaim } from "./port-writes.ts";

export interface AcceptedMessage {
  readonly message: Message;
  readonly environmentId: string;
  readonly deliveries: readonly NewDelivery[];
  /** The process that sends the leased ones. */
  readonly leaseId: string;
  readonly idempotency: IdempotencyClaim | null;
  /** Its application has polling endpoints: it is noted for them. */
  readonly polled?: boolean;
}

export interface NewDelivery {
  readonly endpointId: string;
  /** True: goes straight to the accepting process's lane. False: waits in the store for a claim. */
  readonly leased: boolean;
  /** Its endpoint is FIFO. On a store with a cluster such a delivery is never leased here: `order` is given then. */
  readonly fifo: boolean;
}

/** A write that operational webhooks tell of. */
export interface Telling {
  /** Messages about it, unleased and without a key: stored in its transaction, and only if it took place. */
  readonly tells?: readonly AcceptedMessage[] | undefined;
}

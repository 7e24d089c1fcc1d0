/** Which delivery: one message owed to one endpoint. */
export interface DeliveryKey {
  readonly appId: string;
  readonly endpointId: string;
  readonly messageId: string;
}

/** A delivery that is still owed. It leaves the table of due deliveries when it ends. */
export interface DueDelivery extends DeliveryKey {
  /** Attempts that were made and counted. */
  readonly attempts: number;
  readonly trigger: Trigger;
  /** A resend of a delivery that had ended: one attempt, no retries. */
  readonly once: boolean;
  /**
   * Its place among the deliveries of a FIFO endpoint where ids alone do not tell it (several processes make
   * them); smaller goes first, equal ones by message id. 0 everywhere else. Given by the store, handed back to it.
   */
  readonly order: number;
}

/** `scheduled`: the first attempt and automatic retries. `manual`: a person asked for it. */
export type Trigger = "scheduled" | "manual";

export type DeliveryState = "pending" | "succeeded" | "failed" | "canceled" | "paused";

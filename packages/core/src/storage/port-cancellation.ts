/** Calls off what is owed. */
export interface CancellationStore {
  /**
   * Ends what an endpoint is owed of the messages whose ids lie in a range, both ends included, as canceled attempts
   * with the ids given (at most as many); returns how many deliveries ended. What a process holds ends as well: it
   * has to be told, and an attempt that is under way is recorded and moves nothing.
   */
  cancelOwed(request: CancelOwed): Promise<number>;
}

export interface CancelOwed {
  readonly appId: string;
  readonly endpointId: string;
  /** The endpoint's, for the record. */
  readonly url: string;
  readonly from: string;
  readonly through: string;
  readonly now: number;
  readonly attemptIds: readonly string[];
}

/** How a delivery that was called off is recorded. */
export const CANCELED = { errorClass: "canceled", sentence: "Not sent: it was canceled." } as const;

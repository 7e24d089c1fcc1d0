/** A key's claim by one request. Both are hashes: SHA-256, base64. */
export interface IdempotencyClaim {
  /** Of environment, path and key. */
  readonly scope: string;
  /** Of the body. */
  readonly bodyHash: string;
  readonly createdAt: number;
}

export interface IdempotentAnswer extends IdempotencyClaim {
  readonly environmentId: string;
  readonly statusCode: number;
  /** The answer's body as JSON text; "" for none. */
  readonly body: string;
}

/** A control-plane write that also remembers its answer, in the same transaction. */
export interface Idempotent {
  readonly idempotency?: IdempotentAnswer | undefined;
}

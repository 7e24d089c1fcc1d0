/** The keys that secrets at rest are sealed with: one data key an environment, itself encrypted (`storage/sealed`). */
export interface DataKey {
  readonly environmentId: string;
  readonly id: string;
  /** Which master key it is encrypted with. */
  readonly masterKeyId: string;
  /** The key, encrypted: base64url of nonce, ciphertext and tag. */
  readonly wrapped: string;
  /** Whether nothing that was stored before the key was made lies in the clear any more. */
  readonly complete: boolean;
  readonly createdAt: number;
}

export interface DataKeyStore {
  /** Those of every environment, by environment. */
  list(): Promise<DataKey[]>;
  /** Inserts the key unless its environment has one; returns the stored one. */
  ensure(key: DataKey): Promise<DataKey>;
  /** Replaces the record if it is still encrypted as in `basedOn`; whether it was. */
  update(key: DataKey, basedOn: { readonly wrapped: string }): Promise<boolean>;
  /**
   * Removes what lay in the clear before there were keys and is not an endpoint's any more: remembered answers, what
   * deleted endpoints had, and what overwritten and deleted rows left in the store's files. May take minutes, and holds
   * up other writes meanwhile. Cut short at any moment it has lost nothing, and is to be asked for again.
   */
  eraseTraces(): Promise<Erasure>;
}

/** `postponed`: nothing is lost, but traces may be left. The reason is a sentence for the operator. */
export type Erasure = { readonly kind: "erased" } | { readonly kind: "postponed"; readonly reason: string };

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
}

/** Its own keys and data; nothing crosses. `live` and `sandbox` are made at the first start. */
export interface Environment {
  readonly id: string;
  /** Unique; part of its keys: `phk_<name>_…`. */
  readonly name: string;
  /** Messages and attempts older than this are pruned. */
  readonly retentionDays: number;
  readonly createdAt: number;
}

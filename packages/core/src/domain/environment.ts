/** Its own keys and data; nothing crosses. `live` and `sandbox` are made at the first start. */
export interface Environment {
  readonly id: string;
  /** Unique; part of its keys: `phk_<name>_…`. */
  readonly name: string;
  /** Messages and attempts older than this are pruned. */
  readonly retentionDays: number;
  readonly createdAt: number;
}

/** A bearer key of one environment. The key itself is shown once and never stored. */
export interface ApiKey {
  readonly id: string;
  readonly environmentId: string;
  /** SHA-256 of the whole key, hex. Keys are long and random, so a slow hash would add nothing. */
  readonly hash: string;
  readonly createdAt: number;
}

const API_KEY = /^phk_([a-z][a-z0-9]{0,30})_([A-Za-z0-9]{20,128})$/;

/** The environment's name in a key's text, or null when it is not one of our keys. */
export function environmentOfKey(key: string): string | null {
  return API_KEY.exec(key)?.[1] ?? null;
}

export const API_KEY_FORM = "phk_<environment>_<20 to 128 letters and digits>";

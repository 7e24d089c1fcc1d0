/** JavaScript of an endpoint's owner that changes each attempt's request: `function handler(webhook) { … }`. */
export interface Transformation {
  /** Null: none was given yet. */
  readonly code: string | null;
  /** Only then is it run. */
  readonly enabled: boolean;
  /** Read by the code as `env`. */
  readonly variables: Readonly<Record<string, string>> | null;
  readonly updatedAt: number;
}

export const TRANSFORMED_METHODS = ["POST", "PUT", "PATCH"] as const;
export type TransformedMethod = (typeof TRANSFORMED_METHODS)[number];

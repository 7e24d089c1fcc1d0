import type { TransformedMethod } from "../domain/transformation.ts";

/** Runs endpoints' code apart from everything else: see `TransformPool`. */
export interface Transformer {
  /** Never rejects: whatever the code does is an outcome. */
  run(request: TransformRequest): Promise<TransformOutcome>;
  /** What still waits ends as interrupted; for shutdown. */
  abort(): void;
  close(): Promise<void>;
}

export interface TransformRequest {
  /** Whose turn it takes, one run at a time: the endpoint's id. */
  readonly key: string;
  /** Code that nobody vouches for: it never takes the place of an endpoint's that is known to be quick. */
  readonly untrusted: boolean;
  readonly code: string;
  readonly variables: Readonly<Record<string, string>> | null;
  readonly eventType: string;
  readonly url: string;
  /** JSON text, as it is stored. */
  readonly payload: string;
  /** The same seed and time give the same outcome: the message's id, and when it was made. */
  readonly seed: string;
  readonly now: number;
}

export type TransformOutcome =
  | {
      readonly kind: "transformed";
      readonly url: string;
      readonly method: TransformedMethod;
      /** Sent beside the endpoint's own, which they may replace. */
      readonly headers: Readonly<Record<string, string>>;
      /** JSON text; the stored one, digit for digit, where the code did not look at it. */
      readonly payload: string;
      /** It is not to be sent. */
      readonly cancel: boolean;
    }
  /** `message`: one sentence for the endpoint's owner; holds the code's own words. */
  | { readonly kind: "failed"; readonly message: string }
  | { readonly kind: "interrupted" };

import type { DeliveryKey, DeliveryState, Trigger } from "./delivery.ts";

/** One try of a delivery, recorded for every POST that left. */
export interface Attempt extends DeliveryKey {
  readonly id: string;
  readonly url: string;
  /** When it began. */
  readonly timestamp: number;
  readonly status: AttemptStatus;
  readonly trigger: Trigger;
  /** 0 when no status line came back. */
  readonly statusCode: number;
  /** Why no response came back, as a stable word; null when one did. */
  readonly errorClass: string | null;
  readonly durationMs: number;
  /** The delivery's state after this attempt. */
  readonly deliveryState: DeliveryState;
  readonly nextAttemptAt: number | null;
  /** Response bytes, at most RESPONSE_BODY_STORED_MAX_BYTES; for a failure the sentence that explains it. */
  readonly responseBody: string | Uint8Array;
  readonly detail: AttemptDetail;
}

/** Canceled: the delivery was called off before it was sent, so no POST belongs to it. */
export type AttemptStatus = "success" | "fail" | "canceled";

/** Their numbers in Svix's contract. */
export const ATTEMPT_STATUS_NUMBERS = { success: 0, fail: 2, canceled: 4 } as const satisfies Record<
  AttemptStatus,
  number
>;

export interface AttemptDetail {
  /** As sent; the values of headers that the endpoint adds are replaced. */
  readonly requestHeaders: Readonly<Record<string, string>>;
  readonly responseHeaders: readonly (readonly [string, string])[];
  readonly truncated: boolean;
  /** Milliseconds; null for a phase that did not happen. */
  readonly dnsMs: number | null;
  readonly connectMs: number | null;
  readonly tlsMs: number | null;
  readonly firstByteMs: number | null;
  readonly reusedConnection: boolean;
}

/** Of what was never sent. */
export const NO_DETAIL: AttemptDetail = {
  requestHeaders: {},
  responseHeaders: [],
  truncated: false,
  dnsMs: null,
  connectMs: null,
  tlsMs: null,
  firstByteMs: null,
  reusedConnection: false,
};

/** What stands in place of a header value that is not recorded. */
export const REDACTED = "[redacted]";

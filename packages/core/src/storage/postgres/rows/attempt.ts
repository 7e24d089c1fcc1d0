import type { Attempt } from "../../../domain/attempt.ts";
import { deliveryStateOf, statusOf } from "../../codes.ts";
import { parse } from "./json.ts";

export const ATTEMPT_COLUMNS = `app_id, endpoint_id, message_id, id, url, timestamp, status, manual, status_code,
  error_class, duration_ms, delivery_state, next_attempt_at, detail, response_text, response_bytes`;
export type AttemptRow = readonly [
  appId: string,
  endpointId: string,
  messageId: string,
  id: string,
  url: string,
  timestamp: number,
  status: number,
  manual: boolean,
  statusCode: number,
  errorClass: string | null,
  durationMs: number,
  deliveryState: number,
  nextAttemptAt: number | null,
  detail: string,
  responseText: string | null,
  responseBytes: Buffer | null,
];

export function toAttempt(row: AttemptRow): Attempt {
  const [appId, endpointId, messageId, id, url, timestamp, status, manual, statusCode] = row;
  return {
    id,
    appId,
    endpointId,
    messageId,
    url,
    timestamp,
    status: statusOf(status),
    trigger: manual ? "manual" : "scheduled",
    statusCode,
    errorClass: row[9],
    durationMs: row[10],
    deliveryState: deliveryStateOf(row[11]),
    nextAttemptAt: row[12],
    responseBody: row[14] ?? (row[15] === null ? "" : Uint8Array.from(row[15])),
    detail: parse(row[13]),
  };
}

import { type Attempt, NO_DETAIL } from "../../../domain/attempt.ts";
import { deliveryStateOf, statusOf } from "../../codes.ts";
import { parseOr } from "./json.ts";

export const ATTEMPT_COLUMNS = `app_id, endpoint_id, message_id, id, url, timestamp, status, manual, status_code,
  error_class, duration_ms, delivery_state, next_attempt_at, detail, response_body`;
export type AttemptRow = readonly [
  appId: string,
  endpointId: string,
  messageId: string,
  id: string,
  url: string,
  timestamp: number,
  status: number,
  manual: number,
  statusCode: number,
  errorClass: string | null,
  durationMs: number,
  deliveryState: number,
  nextAttemptAt: number | null,
  detail: string,
  responseBody: string | Uint8Array,
];

/** The request and the response were recorded; what was noted about them is damaged. */
const UNREADABLE = NO_DETAIL;

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
    trigger: manual === 1 ? "manual" : "scheduled",
    statusCode,
    errorClass: row[9],
    durationMs: row[10],
    deliveryState: deliveryStateOf(row[11]),
    nextAttemptAt: row[12],
    responseBody: row[14],
    detail: parseOr(row[13], UNREADABLE),
  };
}

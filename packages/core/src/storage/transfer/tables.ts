/**
 * What a store holds, table by table, in the order in which a reader can take it in: `posthaste export` writes it,
 * `posthaste import` reads it. Names and order of the columns are part of the file format: append only, and raise
 * TRANSFER_VERSION when an older reader could no longer make sense of them.
 */
export const TRANSFER_VERSION = 1;

/**
 * text, integer: as they are. boolean: true or false. list: an array of texts. json: JSON as a text. body: a text,
 * or bytes as `{"base64": "…"}`. Every value may be null.
 */
export type ColumnKind = "text" | "integer" | "boolean" | "list" | "json" | "body";

export interface TransferTable {
  readonly name: string;
  readonly columns: readonly (readonly [name: string, kind: ColumnKind])[];
  /** How many of them a file of an older program has at least; those it lacks are null. All by default. */
  readonly columnsAtLeast?: number;
}

export type TransferValue = string | number | boolean | null | readonly string[] | Uint8Array;

/** One row of a table, its values in the order of the table's columns. */
export interface TransferRow {
  readonly table: string;
  readonly values: readonly TransferValue[];
}

const TIMES = [
  ["created_at", "integer"],
  ["updated_at", "integer"],
] as const;

const DELETION = [
  ["deleted", "boolean"],
  ["deleted_at", "integer"],
] as const;

export const TRANSFER_TABLES: readonly TransferTable[] = [
  {
    name: "environment",
    columns: [
      ["id", "text"],
      ["name", "text"],
      ["retention_days", "integer"],
      ["created_at", "integer"],
      ["type", "text"],
      ["settings", "json"],
      ["updated_at", "integer"],
      ["deleted", "boolean"],
    ],
    columnsAtLeast: 4,
  },
  {
    name: "api_key",
    columns: [
      ["hash", "text"],
      ["id", "text"],
      ["environment_id", "text"],
      ["created_at", "integer"],
      ["kind", "text"],
      ["prefix", "text"],
      ["name", "text"],
      ["scopes", "json"],
      ["app_id", "text"],
      ["session_id", "text"],
      ["feature_flags", "json"],
      ["expires_at", "integer"],
    ],
    columnsAtLeast: 4,
  },
  {
    // Still encrypted: whoever starts on them needs the ring of master keys.
    name: "data_key",
    columns: [
      ["environment_id", "text"],
      ["id", "text"],
      ["master_key_id", "text"],
      ["wrapped", "text"],
      ["complete", "boolean"],
      ["created_at", "integer"],
    ],
  },
  {
    name: "event_type",
    columns: [
      ["environment_id", "text"],
      ["name", "text"],
      ["description", "text"],
      ["archived", "boolean"],
      ["deprecated", "boolean"],
      ["schemas", "json"],
      ["group_name", "text"],
      ["feature_flags", "json"],
      ...TIMES,
      ["retry_schedule_ms", "json"],
    ],
    columnsAtLeast: 10,
  },
  {
    name: "application",
    columns: [
      ["id", "text"],
      ["environment_id", "text"],
      ["uid", "text"],
      ["name", "text"],
      ["throttle_rate", "integer"],
      ["metadata", "json"],
      ...TIMES,
      ...DELETION,
    ],
  },
  {
    name: "endpoint",
    columns: [
      ["app_id", "text"],
      ["id", "text"],
      ["uid", "text"],
      ["url", "text"],
      ["description", "text"],
      ["throttle_rate", "integer"],
      ["event_types", "json"],
      ["channels", "json"],
      ["disabled", "boolean"],
      ["disabled_reason", "text"],
      ["disabled_at", "integer"],
      ["failing_since", "integer"],
      ["secrets", "json"],
      ["headers", "json"],
      ["metadata", "json"],
      ["fifo", "boolean"],
      ["timeout_ms", "integer"],
      ["retry_schedule_ms", "json"],
      ...TIMES,
      ...DELETION,
      ["drained", "boolean"],
      ["transformation", "json"],
      ["access", "json"],
    ],
    columnsAtLeast: 24,
  },
  {
    name: "message",
    columns: [
      ["app_id", "text"],
      ["id", "text"],
      ["event_type", "text"],
      ["event_id", "text"],
      ["channels", "list"],
      ["tags", "list"],
      ["payload_expires_at", "integer"],
      ["created_at", "integer"],
      ["payload", "text"],
      ["deliver_at", "integer"],
    ],
    columnsAtLeast: 9,
  },
  {
    name: "attempt",
    columns: [
      ["app_id", "text"],
      ["endpoint_id", "text"],
      ["message_id", "text"],
      ["id", "text"],
      ["url", "text"],
      ["timestamp", "integer"],
      ["status", "integer"],
      ["manual", "boolean"],
      ["status_code", "integer"],
      ["error_class", "text"],
      ["duration_ms", "integer"],
      ["delivery_state", "integer"],
      ["next_attempt_at", "integer"],
      ["detail", "json"],
      ["response_body", "body"],
    ],
  },
  {
    // Never leased: what was being sent is due at once.
    name: "due",
    columns: [
      ["app_id", "text"],
      ["endpoint_id", "text"],
      ["message_id", "text"],
      ["attempts", "integer"],
      ["next_attempt_at", "integer"],
      ["manual", "boolean"],
      ["once", "boolean"],
    ],
  },
  {
    // The scope is a hash that includes the environment.
    name: "idempotency",
    columns: [
      ["scope", "text"],
      ["body_hash", "text"],
      ["created_at", "integer"],
      ["message_id", "text"],
      ["status_code", "integer"],
      ["body", "text"],
    ],
  },
  {
    name: "polling_head",
    columns: [
      ["app_id", "text"],
      ["environment_id", "text"],
      ["position", "integer"],
    ],
  },
  {
    name: "polling_endpoint",
    columns: [
      ["app_id", "text"],
      ["id", "text"],
      ["environment_id", "text"],
      ["uid", "text"],
      ["event_types", "json"],
      ["metadata", "json"],
      ...TIMES,
    ],
  },
  {
    name: "polling_consumer",
    columns: [
      ["app_id", "text"],
      ["endpoint_id", "text"],
      ["name", "text"],
      ["position", "integer"],
      ["leased_to", "integer"],
      ["leased_until", "integer"],
      ["version", "integer"],
    ],
  },
  {
    name: "polling_entry",
    columns: [
      ["app_id", "text"],
      ["message_id", "text"],
      ["position", "integer"],
    ],
  },
  {
    // Held by nobody: it goes on where it was.
    name: "background_task",
    columns: [
      ["environment_id", "text"],
      ["id", "text"],
      ["kind", "text"],
      ["status", "text"],
      ["work", "json"],
      ["progress", "json"],
      ...TIMES,
      ["payload", "text"],
    ],
    columnsAtLeast: 8,
  },
  {
    name: "wipe",
    columns: [
      ["environment_id", "text"],
      ["message_id", "text"],
      ["app_id", "text"],
      ["look_at", "integer"],
    ],
  },
];

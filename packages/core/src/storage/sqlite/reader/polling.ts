import type { DatabaseSync } from "node:sqlite";
import { ID_PREFIX } from "../../../domain/ids.ts";
import { ksuidFloor } from "../../../domain/ksuid.ts";
import {
  POLLING_CONSUMER_COLUMNS,
  POLLING_ENDPOINT_COLUMNS,
  type PollingConsumerRow,
  type PollingEndpointRow,
} from "../rows/polling.ts";
import type { ConsumerKey } from "../../port-polling.ts";
import { MESSAGE_COLUMNS, type MessageRow } from "../rows/message.ts";
import { query } from "../values.ts";

export function pollingReads(db: DatabaseSync) {
  const listAll = query<PollingEndpointRow>(
    db,
    `SELECT ${POLLING_ENDPOINT_COLUMNS} FROM polling_endpoint WHERE app_id = ? ORDER BY id`,
  );
  const entries = query<[position: number, messageId: string]>(
    db,
    "SELECT position, message_id FROM polling_entry WHERE app_id = ? AND position > ? ORDER BY position LIMIT ?",
  );
  const message = query<MessageRow>(db, `SELECT ${MESSAGE_COLUMNS} FROM message WHERE app_id = ? AND id = ?`);
  const since = query<[number | null]>(
    db,
    "SELECT min(position) FROM polling_entry WHERE app_id = ? AND message_id >= ? AND position IS NOT NULL",
  );
  const head = query<[number]>(db, "SELECT position FROM polling_head WHERE app_id = ?");
  const consumer = query<PollingConsumerRow>(
    db,
    `SELECT ${POLLING_CONSUMER_COLUMNS} FROM polling_consumer WHERE app_id = ? AND endpoint_id = ? AND name = ?`,
  );
  return {
    listPollingEndpoints: (appId: string) => listAll.all(appId),
    readPolled: ({ appId, after, limit }: { appId: string; after: number; limit: number }) =>
      entries
        .all(appId, after, limit)
        .map(([position, id]) => [position, message.get(appId, id) ?? null] as const),
    findPolledPosition(request: { appId: string; since: number }): number {
      const [first = null] = since.get(request.appId, ksuidFloor(ID_PREFIX.message, request.since)) ?? [];
      return first === null ? (head.get(request.appId)?.[0] ?? 0) : first - 1;
    },
    findPollingConsumer: ({ appId, endpointId, name }: ConsumerKey) =>
      consumer.get(appId, endpointId, name) ?? null,
  };
}

import type { Message } from "../../../domain/message.ts";

export const MESSAGE_COLUMNS =
  "app_id, id, event_type, event_id, channels, tags, payload_expires_at, created_at, deliver_at, payload";
export type MessageRow = readonly [
  appId: string,
  id: string,
  eventType: string,
  eventId: string | null,
  channels: string[] | null,
  tags: string[] | null,
  payloadExpiresAt: number | null,
  createdAt: number,
  deliverAt: number | null,
  payload: string | null,
];

export function toMessage(row: MessageRow): Message {
  const [appId, id, eventType, eventId, channels, tags, payloadExpiresAt, createdAt, deliverAt, payload] =
    row;
  return { id, appId, eventType, eventId, channels, tags, payload, payloadExpiresAt, createdAt, deliverAt };
}

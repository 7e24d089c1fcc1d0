/** One stored, immutable event for one application. Its id is the `webhook-id`. */
export interface Message {
  readonly id: string;
  readonly appId: string;
  readonly eventType: string;
  /** The platform's own id of the event, unique in the application. */
  readonly eventId: string | null;
  readonly channels: readonly string[] | null;
  readonly tags: readonly string[] | null;
  /** JSON text exactly as it was given: these bytes are signed and sent. Null once it has expired. */
  readonly payload: string | null;
  /** When the payload is cleared before the message itself; null = it stays as long as the message. */
  readonly payloadExpiresAt: number | null;
  readonly createdAt: number;
  /** Nothing of it is sent before this time; null = at once. */
  readonly deliverAt: number | null;
}

/** The same without its payload, for lists that show none. */
export function withoutPayload(message: Message): Message {
  return { ...message, payload: null };
}

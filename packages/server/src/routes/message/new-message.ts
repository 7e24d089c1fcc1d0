import { invalidField, PosthasteError } from "@posthaste/core/domain/errors";
import { DELIVER_AT_AHEAD_MAX_MS } from "@posthaste/core/domain/limits";
import { DAY_MS, HOUR_MS, parseTime } from "@posthaste/core/domain/time";
import type { NewMessage } from "@posthaste/core/engine/engine";
import type { Static } from "typebox";
import { assertUid } from "../application/schemas.ts";
import type { MessageIn } from "./schemas.ts";

/** A checked message and the text its payload has in the request, ready for the engine. */
export function newMessage(
  body: Static<typeof MessageIn>,
  { payloadText, now, loc }: { payloadText: string; now: number; loc: readonly string[] },
): NewMessage {
  const deliverAt = deliveryTime(body.deliverAt ?? null, { now, loc: [...loc, "deliverAt"] });
  assertUid(body.eventId, [...loc, "eventId"]);
  return {
    eventType: body.eventType,
    eventId: body.eventId ?? null,
    channels: body.channels ?? null,
    tags: body.tags ?? null,
    payload: rawPayload(body.transformationsParams, loc) ?? payloadText,
    // Counted from the time it is sent.
    payloadExpiresAt: expiry(body, deliverAt ?? now),
    deliverAt,
  };
}

/** When it is to be sent; null = at once. */
function deliveryTime(
  text: string | null,
  { now, loc }: { now: number; loc: readonly string[] },
): number | null {
  if (text === null) return null;
  const time = parseTime(text);
  if (time === null) throw invalidField(loc, "Must be a time with its zone, such as 2026-03-14T09:26:53Z.");
  if (time > now + DELIVER_AT_AHEAD_MAX_MS) {
    const hours = DELIVER_AT_AHEAD_MAX_MS / HOUR_MS;
    throw invalidField(
      loc,
      `Must be at most ${hours} hours ahead. Send the message again when it is nearer.`,
    );
  }
  return time > now ? time : null;
}

/** When the payload is to be deleted; null = with the message. */
export function expiry(
  body: Pick<Static<typeof MessageIn>, "payloadRetentionHours" | "payloadRetentionPeriod">,
  now: number,
): number | null {
  const { payloadRetentionHours: hours, payloadRetentionPeriod: days } = body;
  if (hours !== undefined && hours !== null) return now + hours * HOUR_MS;
  return days === undefined || days === null ? null : now + days * DAY_MS;
}

/** The text to send instead of `payload`, or null. */
function rawPayload(
  params: Static<typeof MessageIn>["transformationsParams"],
  loc: readonly string[],
): string | null {
  if (params === undefined || params === null) return null;
  const place = [...loc, "transformationsParams"];
  for (const [name, value] of Object.entries(params.headers ?? {})) {
    if (name.toLowerCase() === "content-type" && value === "application/json") continue;
    throw invalidField(
      [...place, "headers", name],
      "Headers of a single message are not offered. Everything is sent as application/json; set other headers on the endpoint.",
    );
  }
  const raw = params.rawPayload ?? null;
  if (raw !== null && !isStorable(raw)) {
    throw invalidField(
      [...place, "rawPayload"],
      "Contains a NUL character or half a surrogate pair, which cannot be sent as UTF-8. Encode it, for example as base64.",
    );
  }
  return raw;
}

function isStorable(text: string): boolean {
  return !text.includes("\u0000") && text.isWellFormed();
}

/** 409: the application has a message with this event id. */
export function eventIdTaken(): PosthasteError {
  return new PosthasteError("conflict", "A message with this eventId already exists.");
}

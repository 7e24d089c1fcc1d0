import { PosthasteError } from "@posthaste/core/domain/errors";
import { POLLING_CONSUMERS_MAX, POLLING_TRIES_MAX } from "@posthaste/core/domain/limits";
import type { PollingConsumer } from "@posthaste/core/domain/polling-endpoint";
import type { ConsumerKey } from "@posthaste/core/storage/port";
import type { RoutedApplication } from "@posthaste/core/engine/engine";
import type { Services } from "../../route.ts";
import { findPollingEndpoint } from "../destination/schemas.ts";

/** Which consumer a path names, and what its endpoint lets through. */
export function consumerOf(
  { application, pollingEndpoints }: RoutedApplication,
  params: { sink_id: string; consumer_id: string },
): { key: ConsumerKey; eventTypes: readonly string[] | null } {
  const { id, eventTypes } = findPollingEndpoint(pollingEndpoints, params.sink_id);
  return { key: { appId: application.id, endpointId: id, name: params.consumer_id }, eventTypes };
}

/** As it is stored; a new one stands before everything. */
async function readConsumer(key: ConsumerKey, { store }: Services): Promise<PollingConsumer> {
  const stored = await store.polling.findConsumer(key);
  return stored ?? { ...key, position: 0, leasedTo: 0, leasedUntil: 0, version: 0 };
}

/** Reads it, changes it and stores it, anew for as long as others come in between. Null changes nothing. */
export async function changeConsumer<Result>(
  key: ConsumerKey,
  services: Services,
  change: (stored: PollingConsumer) => Promise<{ next: PollingConsumer | null; result: Result }>,
): Promise<Result> {
  for (let tries = 0; tries < POLLING_TRIES_MAX; tries++) {
    const { next, result } = await change(await readConsumer(key, services));
    const outcome = next === null ? "saved" : await services.store.polling.saveConsumer(next);
    if (outcome === "saved") return result;
    if (outcome === "full") {
      throw new PosthasteError(
        "limit_reached",
        `A polling endpoint has at most ${POLLING_CONSUMERS_MAX} consumers. Use the ones there are.`,
      );
    }
  }
  throw new PosthasteError("conflict", "Others poll as this consumer at the same time. Try again.");
}

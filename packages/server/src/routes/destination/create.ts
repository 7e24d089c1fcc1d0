import { PosthasteError } from "@posthaste/core/domain/errors";
import { ID_PREFIX } from "@posthaste/core/domain/ids";
import { POLLING_ENDPOINTS_PER_APP_MAX } from "@posthaste/core/domain/limits";
import type { PollingEndpoint } from "@posthaste/core/domain/polling-endpoint";
import { environmentRoute } from "../../route.ts";
import { findApplication } from "../application/find.ts";
import { assertMetadata } from "../application/schemas.ts";
import { AppPath } from "../fields.ts";
import { DestinationIn, DestinationOut, destinationText } from "./schemas.ts";

export const createDestination = environmentRoute({
  method: "POST",
  path: "/api/v1/app/:app_id/destination",
  operationId: "v1.destination.create",
  tag: "Polling",
  scope: "write:poller",
  summary: "Create Polling Endpoint",
  description:
    "Creates a polling endpoint: the application's messages accepted from now on can be fetched from it. 409 when " +
    "its uid is taken.",
  params: AppPath,
  body: DestinationIn,
  answers: { 201: DestinationOut },
  async handle(call, services) {
    const { environmentId, body, remember } = call;
    const { store, runtime, engine } = services;
    const { application } = await findApplication(call, services);
    assertMetadata(body.metadata, ["body", "metadata"]);
    const now = runtime.clock.now();
    const endpoint: PollingEndpoint = {
      id: shortId(runtime.ids.next(ID_PREFIX.pollingEndpoint)),
      appId: application.id,
      environmentId,
      uid: body.uid ?? null,
      eventTypes: body.eventTypes === undefined || body.eventTypes.length === 0 ? null : body.eventTypes,
      metadata: body.metadata ?? {},
      createdAt: now,
      updatedAt: now,
    };
    return services.writes.run(application.id, async () => {
      const stored = await store.polling.listAll(application.id);
      if (stored.length >= POLLING_ENDPOINTS_PER_APP_MAX) {
        throw new PosthasteError(
          "limit_reached",
          `An application has at most ${POLLING_ENDPOINTS_PER_APP_MAX} polling endpoints. Delete one first.`,
        );
      }
      const answer = { status: 201, text: destinationText(endpoint) };
      const result = await store.polling.insert(endpoint, remember(answer));
      if (result.kind === "conflict") {
        throw new PosthasteError(
          "conflict",
          "A polling endpoint of this application with this uid already exists.",
        );
      }
      await engine.applicationChanged(application.id);
      return answer;
    });
  },
});

const TIME_CHARS = ID_PREFIX.pollingEndpoint.length + 8;
const REST_CHARS = 14;

/** The contract's ids have 22 characters: those of the time, and the end, which two calls never share. */
function shortId(id: string): string {
  return id.slice(0, TIME_CHARS) + id.slice(-REST_CHARS);
}

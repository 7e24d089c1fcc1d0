import { PosthasteError } from "@posthaste/core/domain/errors";
import { NO_CONTENT } from "../../answer.ts";
import { environmentRoute } from "../../route.ts";
import { findApplication } from "../application/find.ts";
import { DestinationPath, findPollingEndpoint } from "./schemas.ts";

export const deleteDestination = environmentRoute({
  method: "DELETE",
  path: "/api/v1/app/:app_id/destination/:destination_id",
  operationId: "v1.destination.delete",
  tag: "Polling",
  scope: "write:poller",
  summary: "Delete Polling Endpoint",
  description: "Deletes the polling endpoint and forgets how far its consumers had come.",
  params: DestinationPath,
  answers: { 204: null },
  async handle(call, services) {
    const { application, pollingEndpoints } = await findApplication(call, services);
    const { id } = findPollingEndpoint(pollingEndpoints, call.params.destination_id);
    await services.writes.run(application.id, async () => {
      const deleted = await services.store.polling.delete({ appId: application.id, id });
      if (!deleted) throw new PosthasteError("not_found");
      await services.engine.applicationChanged(application.id);
    });
    return NO_CONTENT;
  },
});

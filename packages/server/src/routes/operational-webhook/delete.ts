import { PosthasteError } from "@posthaste/core/domain/errors";
import { NO_CONTENT } from "../../answer.ts";
import { environmentRoute } from "../../route.ts";
import { OperationalEndpointPath } from "./schemas.ts";
import { findOperationalEndpoint } from "./write.ts";

export const deleteOperationalEndpoint = environmentRoute({
  method: "DELETE",
  path: "/api/v1/operational-webhook/endpoint/:endpoint_id",
  operationId: "v1.operational-webhook.endpoint.delete",
  tag: "Operational Webhook",
  scope: "write:operational-webhook",
  summary: "Delete Operational Webhook Endpoint",
  description: "Deletes the endpoint. What was still to be sent to it is canceled.",
  params: OperationalEndpointPath,
  answers: { 204: null },
  async handle(call, services) {
    const { appId, id } = await findOperationalEndpoint(call, services);
    await services.writes.run(appId, async () => {
      const deleted = await services.store.endpoints.delete({ appId, id });
      if (!deleted) throw new PosthasteError("not_found");
      await services.engine.applicationChanged(appId);
    });
    return NO_CONTENT;
  },
});

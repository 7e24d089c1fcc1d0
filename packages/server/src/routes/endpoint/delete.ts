import { PosthasteError } from "@posthaste/core/domain/errors";
import { NO_CONTENT } from "../../answer.ts";
import { environmentRoute } from "../../route.ts";
import { findApplication, findEndpoint } from "../application/find.ts";
import { EndpointPath } from "../fields.ts";

export const deleteEndpoint = environmentRoute({
  method: "DELETE",
  path: "/api/v1/app/:app_id/endpoint/:endpoint_id",
  operationId: "v1.endpoint.delete",
  tag: "Endpoint",
  scope: "write:endpoint",
  summary: "Delete Endpoint",
  description: "Deletes the endpoint. What was still to be sent to it is canceled.",
  params: EndpointPath,
  answers: { 204: null },
  async handle(call, services) {
    const { application, endpoints } = await findApplication(call, services);
    const before = findEndpoint(endpoints, call.params.endpoint_id);
    const { appId, id } = before;
    const { store, engine } = services;
    await services.writes.run(application.id, async () => {
      const deleted = await engine.operational.tellingOfEndpoint({ before, after: null }, (tells) =>
        store.endpoints.delete({ appId, id, tells }),
      );
      if (!deleted) throw new PosthasteError("not_found");
      await services.engine.applicationChanged(application.id);
    });
    return NO_CONTENT;
  },
});

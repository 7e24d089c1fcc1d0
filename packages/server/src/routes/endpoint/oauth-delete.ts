import { NO_CONTENT } from "../../answer.ts";
import { environmentRoute } from "../../route.ts";
import { EndpointPath } from "../fields.ts";
import { changeAccess } from "./access.ts";

export const deleteEndpointOauth = environmentRoute({
  method: "DELETE",
  path: "/api/v1/app/:app_id/endpoint/:endpoint_id/oauth",
  operationId: "v1.endpoint.delete-oauth-config",
  tag: "Endpoint",
  scope: "write:endpoint-secret",
  summary: "Delete Endpoint OAuth Config",
  description: "From now on requests go out without a token. Also when there was none.",
  params: EndpointPath,
  answers: { 204: null },
  async handle(call, services) {
    await changeAccess(call, { services, change: { oauth: null } });
    return NO_CONTENT;
  },
});

import { NO_CONTENT } from "../../answer.ts";
import { environmentRoute } from "../../route.ts";
import { EndpointPath } from "../fields.ts";
import { changeAccess } from "./access.ts";

export const deleteEndpointMtls = environmentRoute({
  method: "DELETE",
  path: "/api/v1/app/:app_id/endpoint/:endpoint_id/mtls",
  operationId: "v1.endpoint.delete-mtls-config",
  tag: "Endpoint",
  scope: "write:endpoint-secret",
  summary: "Delete Endpoint mTLS Config",
  description: "From now on connections present no certificate. Also when there was none.",
  params: EndpointPath,
  answers: { 204: null },
  async handle(call, services) {
    await changeAccess(call, { services, change: { identity: null } });
    return NO_CONTENT;
  },
});

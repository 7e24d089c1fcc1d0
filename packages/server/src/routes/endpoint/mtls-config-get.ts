import { jsonAnswer } from "../../answer.ts";
import { environmentRoute } from "../../route.ts";
import { EndpointPath } from "../fields.ts";
import { findAccess } from "./access.ts";
import { EndpointMtlsOut } from "./mtls-schemas.ts";

export const getEndpointMtlsConfig = environmentRoute({
  method: "GET",
  path: "/api/v1/app/:app_id/endpoint/:endpoint_id/mtls-config",
  operationId: "v1.endpoint.get-mtls-2",
  tag: "Endpoint",
  scope: "read:endpoint",
  summary: "Get Endpoint mTLS Config",
  description: "Whether the endpoint has a client certificate.",
  params: EndpointPath,
  answers: { 200: EndpointMtlsOut },
  async handle(call, services) {
    const enabled = ((await findAccess(call, services))?.identity ?? null) !== null;
    return jsonAnswer(200, { enabled, config: enabled ? {} : null });
  },
});

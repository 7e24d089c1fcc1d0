import { invalidField } from "@posthaste/core/domain/errors";
import { NO_CONTENT } from "../../answer.ts";
import { environmentRoute } from "../../route.ts";
import { EndpointPath } from "../fields.ts";
import { changeAccess } from "./access.ts";
import { EndpointMtlsConfigIn } from "./mtls-schemas.ts";

export const setEndpointMtls = environmentRoute({
  method: "PUT",
  path: "/api/v1/app/:app_id/endpoint/:endpoint_id/mtls",
  operationId: "v1.endpoint.set-mtls-config",
  tag: "Endpoint",
  scope: "write:endpoint-secret",
  summary: "Set Endpoint mTLS Config",
  description:
    "From now on connections to the endpoint present this client certificate. They are shared with " +
    "nobody who does not present the same. 422 says what is wrong with the certificate or its key.",
  params: EndpointPath,
  body: EndpointMtlsConfigIn,
  answers: { 204: null },
  async handle(call, services) {
    const { identity } = call.body;
    const verdict = services.rules.checkIdentity(identity);
    if (!verdict.ok) throw invalidField(["body", "identity"], verdict.message);
    await changeAccess(call, { services, change: { identity } });
    return NO_CONTENT;
  },
});

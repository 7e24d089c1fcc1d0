import { NO_CONTENT } from "../../answer.ts";
import { environmentRoute } from "../../route.ts";
import { findApplication } from "../application/find.ts";
import { EndpointPath } from "../fields.ts";
import { EndpointHeadersIn } from "./headers-schemas.ts";
import { assertHeaders, changeEndpoint } from "./write.ts";

export const setEndpointHeaders = environmentRoute({
  method: "PUT",
  path: "/api/v1/app/:app_id/endpoint/:endpoint_id/headers",
  operationId: "v1.endpoint.set-headers",
  tag: "Endpoint",
  scope: "write:endpoint",
  summary: "Update Endpoint Headers",
  description: "Replaces all headers of the endpoint, secret ones too.",
  params: EndpointPath,
  body: EndpointHeadersIn,
  answers: { 204: null },
  async handle(call, services) {
    const { headers } = call.body;
    const { application } = await findApplication(call, services);
    assertHeaders(headers, services);
    const target = { appId: application.id, ref: call.params.endpoint_id };
    await changeEndpoint(target, { services, change: (stored) => ({ ...stored, headers }) });
    return NO_CONTENT;
  },
});

import { NO_CONTENT } from "../../answer.ts";
import { environmentRoute } from "../../route.ts";
import { HeadersIn } from "../endpoint/headers-schemas.ts";
import { assertHeaders } from "../endpoint/write.ts";
import { named } from "../fields.ts";
import { OperationalEndpointPath } from "./schemas.ts";
import { changeOperationalEndpoint } from "./write.ts";

const OperationalWebhookEndpointHeadersIn = named("OperationalWebhookEndpointHeadersIn", HeadersIn);

export const setOperationalEndpointHeaders = environmentRoute({
  method: "PUT",
  path: "/api/v1/operational-webhook/endpoint/:endpoint_id/headers",
  operationId: "v1.operational-webhook.endpoint.set-headers",
  tag: "Operational Webhook",
  scope: "write:operational-webhook",
  summary: "Set Operational Webhook Endpoint Headers",
  description: "Replaces all headers of the endpoint, secret ones too.",
  params: OperationalEndpointPath,
  body: OperationalWebhookEndpointHeadersIn,
  answers: { 204: null },
  async handle(call, services) {
    const { headers } = call.body;
    assertHeaders(headers, services);
    await changeOperationalEndpoint(call, { services, change: (stored) => ({ ...stored, headers }) });
    return NO_CONTENT;
  },
});

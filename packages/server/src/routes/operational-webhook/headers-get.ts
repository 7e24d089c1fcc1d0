import { environmentRoute } from "../../route.ts";
import { headersAnswer } from "../endpoint/headers-get.ts";
import { HeadersOut } from "../endpoint/headers-schemas.ts";
import { named } from "../fields.ts";
import { OperationalEndpointPath } from "./schemas.ts";
import { findOperationalEndpoint } from "./write.ts";

const OperationalWebhookEndpointHeadersOut = named("OperationalWebhookEndpointHeadersOut", HeadersOut);

export const getOperationalEndpointHeaders = environmentRoute({
  method: "GET",
  path: "/api/v1/operational-webhook/endpoint/:endpoint_id/headers",
  operationId: "v1.operational-webhook.endpoint.get-headers",
  tag: "Operational Webhook",
  scope: "read:operational-webhook",
  summary: "Get Operational Webhook Endpoint Headers",
  description: "The headers sent with every attempt. Secret ones are listed by name only.",
  params: OperationalEndpointPath,
  answers: { 200: OperationalWebhookEndpointHeadersOut },
  async handle(call, services) {
    return headersAnswer(await findOperationalEndpoint(call, services), services);
  },
});

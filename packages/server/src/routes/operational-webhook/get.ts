import { environmentRoute } from "../../route.ts";
import {
  OperationalEndpointPath,
  OperationalWebhookEndpointOut,
  operationalEndpointText,
} from "./schemas.ts";
import { findOperationalEndpoint } from "./write.ts";

export const getOperationalEndpoint = environmentRoute({
  method: "GET",
  path: "/api/v1/operational-webhook/endpoint/:endpoint_id",
  operationId: "v1.operational-webhook.endpoint.get",
  tag: "Operational Webhook",
  scope: "read:operational-webhook",
  summary: "Get Operational Webhook Endpoint",
  description: "The operational endpoint an id or uid names; 404 when the environment has none of that name.",
  params: OperationalEndpointPath,
  answers: { 200: OperationalWebhookEndpointOut },
  async handle(call, services) {
    return { status: 200, text: operationalEndpointText(await findOperationalEndpoint(call, services)) };
  },
});

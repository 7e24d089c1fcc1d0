import { operationalAppId } from "@posthaste/core/domain/operational";
import { environmentRoute } from "../../route.ts";
import { assertEndpoint, assertHeaders, newEndpoint } from "../endpoint/write.ts";
import { OperationalWebhookEndpointIn, OperationalWebhookEndpointOut } from "./schemas.ts";
import { insertOperationalEndpoint } from "./write.ts";

export const createOperationalEndpoint = environmentRoute({
  method: "POST",
  path: "/api/v1/operational-webhook/endpoint",
  operationId: "v1.operational-webhook.endpoint.create",
  tag: "Operational Webhook",
  scope: "write:operational-webhook",
  summary: "Create Operational Webhook Endpoint",
  description:
    "From now on the endpoint is told what happens in this environment: deliveries that fail for good, endpoints that " +
    "are changed or disabled, background tasks that end. Signed, retried and kept like every message.",
  body: OperationalWebhookEndpointIn,
  answers: { 201: OperationalWebhookEndpointOut },
  async handle({ environmentId, body, remember }, services) {
    assertHeaders(body.headers ?? {}, services);
    // Its event types are not those of the environment; the schema names them.
    await assertEndpoint({ ...body, eventTypes: null }, { environmentId, services });
    const endpoint = newEndpoint(body, { appId: operationalAppId(environmentId), services });
    return insertOperationalEndpoint(environmentId, endpoint, { services, remember });
  },
});

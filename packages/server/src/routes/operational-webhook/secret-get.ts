import { Type } from "typebox";
import { environmentRoute } from "../../route.ts";
import { Secret } from "../endpoint/schemas.ts";
import { secretAnswer } from "../endpoint/secret-get.ts";
import { named } from "../fields.ts";
import { OperationalEndpointPath } from "./schemas.ts";
import { findOperationalEndpoint } from "./write.ts";

const OperationalWebhookEndpointSecretOut = named(
  "OperationalWebhookEndpointSecretOut",
  Type.Object({ key: Secret }),
);

export const getOperationalEndpointSecret = environmentRoute({
  method: "GET",
  path: "/api/v1/operational-webhook/endpoint/:endpoint_id/secret",
  operationId: "v1.operational-webhook.endpoint.get-secret",
  tag: "Operational Webhook",
  scope: "read:operational-webhook-secret",
  summary: "Get Operational Webhook Endpoint Secret",
  description:
    "The key a receiver verifies with: the shared `whsec_` secret, or of an ed25519 pair the public `whpk_` half.",
  params: OperationalEndpointPath,
  answers: { 200: OperationalWebhookEndpointSecretOut },
  async handle(call, services) {
    return secretAnswer(await findOperationalEndpoint(call, services));
  },
});

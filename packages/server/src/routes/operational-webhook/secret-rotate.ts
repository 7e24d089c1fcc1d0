import { OLD_SECRETS_MAX } from "@posthaste/core/domain/limits";
import { NO_CONTENT } from "../../answer.ts";
import { environmentRoute } from "../../route.ts";
import { rotation, SecretRotation } from "../endpoint/secret-rotate.ts";
import { named } from "../fields.ts";
import { OperationalEndpointPath } from "./schemas.ts";
import { changeOperationalEndpoint } from "./write.ts";

const OperationalWebhookEndpointSecretIn = named("OperationalWebhookEndpointSecretIn", SecretRotation);

export const rotateOperationalEndpointSecret = environmentRoute({
  method: "POST",
  path: "/api/v1/operational-webhook/endpoint/:endpoint_id/secret/rotate",
  operationId: "v1.operational-webhook.endpoint.rotate-secret",
  tag: "Operational Webhook",
  scope: "write:operational-webhook-secret",
  summary: "Rotate Operational Webhook Endpoint Secret",
  description:
    "Signs with a new key from now on. The old one signs too until its grace period ends, so that the receiver can " +
    `change over. At most ${OLD_SECRETS_MAX} old keys at a time (400 \`limit_reached\`).`,
  params: OperationalEndpointPath,
  body: OperationalWebhookEndpointSecretIn,
  bodyOptional: true,
  answers: { 204: null },
  async handle(call, services) {
    const change = rotation(call.body, services);
    await changeOperationalEndpoint(call, { services, idempotent: call.remember(NO_CONTENT), change });
    return NO_CONTENT;
  },
});

import { type Endpoint, rotateSecret } from "@posthaste/core/domain/endpoint";
import { PosthasteError } from "@posthaste/core/domain/errors";
import { OLD_SECRETS_MAX, SECRET_GRACE_DEFAULT_S, SECRET_GRACE_MAX_S } from "@posthaste/core/domain/limits";
import { SECOND_MS } from "@posthaste/core/domain/time";
import { type Static, Type } from "typebox";
import { NO_CONTENT } from "../../answer.ts";
import { environmentRoute, type Services } from "../../route.ts";
import { findApplication } from "../application/find.ts";
import { EndpointPath, named, nullable } from "../fields.ts";
import { SecretIn } from "./schemas.ts";
import { changeEndpoint, secretOrNew } from "./write.ts";

export const SecretRotation = Type.Object({
  key: Type.Optional(nullable(SecretIn)),
  gracePeriodSeconds: Type.Optional(
    nullable(
      Type.Integer({
        minimum: 0,
        maximum: SECRET_GRACE_MAX_S,
        default: SECRET_GRACE_DEFAULT_S,
        description: "How long the old key signs beside the new one, in seconds.",
      }),
    ),
  ),
});

const EndpointSecretRotateIn = named("EndpointSecretRotateIn", SecretRotation);

export const rotateEndpointSecret = environmentRoute({
  method: "POST",
  path: "/api/v1/app/:app_id/endpoint/:endpoint_id/secret/rotate",
  operationId: "v1.endpoint.rotate-secret",
  tag: "Endpoint",
  scope: "write:endpoint-secret",
  summary: "Rotate Endpoint Secret",
  description:
    "Signs with a new key from now on. The old one signs too until its grace period ends, so that the receiver can " +
    `change over. At most ${OLD_SECRETS_MAX} old keys at a time (400 \`limit_reached\`).`,
  params: EndpointPath,
  body: EndpointSecretRotateIn,
  bodyOptional: true,
  answers: { 204: null },
  async handle(call, services) {
    const { application } = await findApplication(call, services);
    const change = rotation(call.body, services);
    await changeEndpoint(
      { appId: application.id, ref: call.params.endpoint_id },
      { services, idempotent: call.remember(NO_CONTENT), change },
    );
    return NO_CONTENT;
  },
});

/** The change that a rotation makes; decided once, however often it is tried. */
export function rotation(
  body: Static<typeof SecretRotation>,
  services: Services,
): (stored: Endpoint) => Endpoint {
  const newKey = secretOrNew(body.key, { services, loc: ["body", "key"] });
  const graceMs = (body.gracePeriodSeconds ?? SECRET_GRACE_DEFAULT_S) * SECOND_MS;
  const now = services.runtime.clock.now();
  return (stored) => {
    const secrets = rotateSecret(stored.secrets, { newKey, graceMs, now });
    if (secrets.length - 1 > OLD_SECRETS_MAX) {
      throw new PosthasteError(
        "limit_reached",
        `${OLD_SECRETS_MAX} old keys still sign. Wait for one to expire, or rotate with gracePeriodSeconds 0.`,
      );
    }
    return { ...stored, secrets };
  };
}

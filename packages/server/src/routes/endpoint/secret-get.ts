import type { Endpoint } from "@posthaste/core/domain/endpoint";
import { publicKeyOf } from "@posthaste/receiver";
import { Type } from "typebox";
import { type Answer, jsonAnswer } from "../../answer.ts";
import { environmentRoute } from "../../route.ts";
import { findApplication, findEndpoint } from "../application/find.ts";
import { EndpointPath, named } from "../fields.ts";
import { Secret } from "./schemas.ts";

const EndpointSecretOut = named("EndpointSecretOut", Type.Object({ key: Secret }));

export const getEndpointSecret = environmentRoute({
  method: "GET",
  path: "/api/v1/app/:app_id/endpoint/:endpoint_id/secret",
  operationId: "v1.endpoint.get-secret",
  tag: "Endpoint",
  scope: "read:endpoint-secret",
  summary: "Get Endpoint Secret",
  description:
    "The key a receiver verifies with: the shared `whsec_` secret, or of an ed25519 pair the public `whpk_` half.",
  params: EndpointPath,
  answers: { 200: EndpointSecretOut },
  async handle(call, services) {
    const { endpoints } = await findApplication(call, services);
    return secretAnswer(findEndpoint(endpoints, call.params.endpoint_id));
  },
});

/** What a receiver verifies with. */
export function secretAnswer({ secrets: [current] }: Endpoint): Answer {
  const key = current?.key ?? "";
  return jsonAnswer(200, { key: key.startsWith("whsk_") ? publicKeyOf(key) : key });
}

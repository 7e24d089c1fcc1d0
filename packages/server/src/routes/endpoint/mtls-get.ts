import { PosthasteError } from "@posthaste/core/domain/errors";
import { jsonAnswer } from "../../answer.ts";
import { environmentRoute } from "../../route.ts";
import { EndpointPath } from "../fields.ts";
import { findAccess } from "./access.ts";
import { EndpointMtlsConfigOut } from "./mtls-schemas.ts";

export const getEndpointMtls = environmentRoute({
  method: "GET",
  path: "/api/v1/app/:app_id/endpoint/:endpoint_id/mtls",
  operationId: "v1.endpoint.get-mtls",
  tag: "Endpoint",
  scope: "read:endpoint",
  summary: "Get Endpoint mTLS",
  description: "An empty object when a certificate is set, 404 when there is none. It is never shown again.",
  params: EndpointPath,
  answers: { 200: EndpointMtlsConfigOut },
  async handle(call, services) {
    const identity = (await findAccess(call, services))?.identity ?? null;
    if (identity === null) throw new PosthasteError("not_found", "This endpoint has no client certificate.");
    return jsonAnswer(200, {});
  },
});

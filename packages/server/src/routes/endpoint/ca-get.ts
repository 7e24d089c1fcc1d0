import { Type } from "typebox";
import { jsonAnswer } from "../../answer.ts";
import { environmentRoute } from "../../route.ts";
import { EndpointPath, named, nullable } from "../fields.ts";
import { findAccess } from "./access.ts";
import { Pem } from "./mtls-schemas.ts";

const EndpointServerCaOut = named("EndpointServerCaOut", Type.Object({ cert: nullable(Pem) }));

export const getEndpointServerCa = environmentRoute({
  method: "GET",
  path: "/api/v1/app/:app_id/endpoint/:endpoint_id/ca",
  operationId: "v1.endpoint.get-server-ca",
  tag: "Endpoint",
  scope: "read:endpoint",
  summary: "Get Endpoint Server CA",
  description: "The authorities that are trusted for this endpoint besides the public ones; null = none.",
  params: EndpointPath,
  answers: { 200: EndpointServerCaOut },
  async handle(call, services) {
    return jsonAnswer(200, { cert: (await findAccess(call, services))?.serverCa ?? null });
  },
});

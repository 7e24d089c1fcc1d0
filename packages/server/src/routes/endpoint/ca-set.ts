import { invalidField } from "@posthaste/core/domain/errors";
import { Type } from "typebox";
import { NO_CONTENT } from "../../answer.ts";
import { environmentRoute } from "../../route.ts";
import { EndpointPath, named, nullable } from "../fields.ts";
import { changeAccess } from "./access.ts";
import { Pem } from "./mtls-schemas.ts";

const EndpointServerCaIn = named("EndpointServerCaIn", Type.Object({ cert: Type.Optional(nullable(Pem)) }));

export const setEndpointServerCa = environmentRoute({
  method: "PUT",
  path: "/api/v1/app/:app_id/endpoint/:endpoint_id/ca",
  operationId: "v1.endpoint.set-server-ca",
  tag: "Endpoint",
  scope: "write:endpoint",
  summary: "Set Endpoint Server CA",
  description:
    "Certificates of authorities, PEM, that are trusted for this endpoint's server besides the public ones. Host name and " +
    "dates are checked as ever. null or left out takes them away.",
  params: EndpointPath,
  body: EndpointServerCaIn,
  answers: { 204: null },
  async handle(call, services) {
    const serverCa = call.body.cert ?? null;
    const verdict = serverCa === null ? null : services.rules.checkServerCa(serverCa);
    if (verdict?.ok === false) throw invalidField(["body", "cert"], verdict.message);
    await changeAccess(call, { services, change: { serverCa } });
    return NO_CONTENT;
  },
});

import { toIso } from "@posthaste/core/domain/time";
import { jsonAnswer } from "../../answer.ts";
import { environmentRoute } from "../../route.ts";
import { findApplication, findEndpoint } from "../application/find.ts";
import { EndpointPath } from "../fields.ts";
import { EndpointTransformationOut } from "./transformation-schemas.ts";

export const getEndpointTransformation = environmentRoute({
  method: "GET",
  path: "/api/v1/app/:app_id/endpoint/:endpoint_id/transformation",
  operationId: "v1.endpoint.transformation.get",
  tag: "Endpoint",
  scope: "read:transformation",
  summary: "Get Transformation",
  description: "The JavaScript that changes what this endpoint is sent, and whether it runs.",
  params: EndpointPath,
  answers: { 200: EndpointTransformationOut },
  async handle(call, services) {
    const { endpoints } = await findApplication(call, services);
    const { transformation } = findEndpoint(endpoints, call.params.endpoint_id);
    const { code = null, enabled = false, variables = null } = transformation ?? {};
    const updatedAt = transformation === null ? null : toIso(transformation.updatedAt);
    return jsonAnswer(200, { code, enabled, variables, updatedAt });
  },
});

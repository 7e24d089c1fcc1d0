import { environmentRoute } from "../../route.ts";
import { findApplication, findEndpoint } from "../application/find.ts";
import { EndpointPath } from "../fields.ts";
import { EndpointOut, endpointText } from "./schemas.ts";

export const getEndpoint = environmentRoute({
  method: "GET",
  path: "/api/v1/app/:app_id/endpoint/:endpoint_id",
  operationId: "v1.endpoint.get",
  tag: "Endpoint",
  scope: "read:endpoint",
  summary: "Get Endpoint",
  description:
    "The endpoint an id or uid names; 404 when the application has none. Its secret and headers are asked for apart.",
  params: EndpointPath,
  answers: { 200: EndpointOut },
  async handle(call, services) {
    const { endpoints } = await findApplication(call, services);
    return { status: 200, text: endpointText(findEndpoint(endpoints, call.params.endpoint_id)) };
  },
});

import { jsonAnswer } from "../../answer.ts";
import { environmentRoute } from "../../route.ts";
import { findApplication, findEndpoint } from "../application/find.ts";
import { EndpointPath } from "../fields.ts";
import { EndpointHeadersOut } from "./headers-schemas.ts";

export const getEndpointHeaders = environmentRoute({
  method: "GET",
  path: "/api/v1/app/:app_id/endpoint/:endpoint_id/headers",
  operationId: "v1.endpoint.get-headers",
  tag: "Endpoint",
  scope: "read:endpoint",
  summary: "Get Endpoint Headers",
  description: "The headers sent with every attempt. Secret ones are listed by name only.",
  params: EndpointPath,
  answers: { 200: EndpointHeadersOut },
  async handle(call, services) {
    const { endpoints } = await findApplication(call, services);
    const entries = Object.entries(findEndpoint(endpoints, call.params.endpoint_id).headers);
    return jsonAnswer(200, {
      headers: Object.fromEntries(entries.filter(([name]) => !services.rules.isSensitiveHeader(name))),
      sensitive: entries.map(([name]) => name).filter((name) => services.rules.isSensitiveHeader(name)),
    });
  },
});

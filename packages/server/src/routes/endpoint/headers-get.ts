import type { Endpoint } from "@posthaste/core/domain/endpoint";
import { type Answer, jsonAnswer } from "../../answer.ts";
import { environmentRoute, type Services } from "../../route.ts";
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
    return headersAnswer(findEndpoint(endpoints, call.params.endpoint_id), services);
  },
});

/** Secret ones by name only. */
export function headersAnswer({ headers }: Endpoint, { rules }: Services): Answer {
  const entries = Object.entries(headers);
  return jsonAnswer(200, {
    headers: Object.fromEntries(entries.filter(([name]) => !rules.isSensitiveHeader(name))),
    sensitive: entries.map(([name]) => name).filter((name) => rules.isSensitiveHeader(name)),
  });
}

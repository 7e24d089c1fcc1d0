import { environmentRoute } from "../../route.ts";
import { findApplication } from "../application/find.ts";
import { AppPath } from "../fields.ts";
import { EndpointIn, EndpointOut } from "./schemas.ts";
import { assertEndpoint, assertHeaders, insertEndpoint, newEndpoint } from "./write.ts";

export const createEndpoint = environmentRoute({
  method: "POST",
  path: "/api/v1/app/:app_id/endpoint",
  operationId: "v1.endpoint.create",
  tag: "Endpoint",
  scope: "write:endpoint",
  summary: "Create Endpoint",
  description:
    "Creates an endpoint. Messages accepted from now on are sent to it. Refused with 400 `url_not_allowed` or " +
    "`header_not_allowed` when it may not be called, 409 when its uid is taken.",
  params: AppPath,
  body: EndpointIn,
  answers: { 201: EndpointOut },
  async handle(call, services) {
    const { environmentId, body, remember } = call;
    const { application } = await findApplication(call, services);
    assertHeaders(body.headers ?? {}, services);
    await assertEndpoint(body, { environmentId, services, whole: true });
    const endpoint = newEndpoint(body, { appId: application.id, services });
    return services.writes.run(application.id, () =>
      insertEndpoint(endpoint, { environmentId, services, remember }),
    );
  },
});

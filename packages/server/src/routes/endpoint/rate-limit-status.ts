import { Type } from "typebox";
import { jsonAnswer } from "../../answer.ts";
import { environmentRoute } from "../../route.ts";
import { findApplication, findEndpoint } from "../application/find.ts";
import { EndpointPath, named, nullable, Time } from "../fields.ts";

const EndpointThrottleRateStatusOut = named(
  "EndpointThrottleRateStatusOut",
  Type.Object({
    status: Type.Unsafe<"Ok" | "RateLimited">({ type: "string", enum: ["Ok", "RateLimited"] }),
    throttledSince: Type.Optional(nullable({ ...Time, description: "Not kept: left out." })),
  }),
);

export const getEndpointRateLimitStatus = environmentRoute({
  method: "GET",
  path: "/api/v1/app/:app_id/endpoint/:endpoint_id/rate-limit-status",
  operationId: "v1.endpoint.get-throttling-status",
  tag: "Endpoint",
  scope: "read:endpoint",
  summary: "Get Endpoint Rate Limit Status",
  description:
    "`RateLimited` while deliveries that are due wait for the endpoint's `throttleRate` to allow them.",
  params: EndpointPath,
  answers: { 200: EndpointThrottleRateStatusOut },
  async handle(call, services) {
    const { application, endpoints } = await findApplication(call, services);
    const { id: endpointId, throttleRate, disabled } = findEndpoint(endpoints, call.params.endpoint_id);
    if (throttleRate === null || disabled) return jsonAnswer(200, { status: "Ok" });
    // Among many nodes another one may serve this endpoint; what does not fit into its memory waits in the store.
    const limited =
      services.engine.isThrottled(endpointId) ||
      (
        await services.store.overview.countOwed({
          appId: application.id,
          endpointId,
          now: services.runtime.clock.now(),
          limit: 1,
        })
      ).due > 0;
    return jsonAnswer(200, { status: limited ? "RateLimited" : "Ok" });
  },
});

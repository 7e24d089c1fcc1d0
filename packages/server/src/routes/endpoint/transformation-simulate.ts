import { PosthasteError } from "@posthaste/core/domain/errors";
import { TRANSFORMATION_SIMULATIONS_MAX } from "@posthaste/core/domain/limits";
import { jsonAnswer } from "../../answer.ts";
import { environmentRoute } from "../../route.ts";
import { findApplication, findEndpoint } from "../application/find.ts";
import { EndpointPath } from "../fields.ts";
import {
  assertVariables,
  TransformationSimulateIn,
  TransformationSimulateOut,
} from "./transformation-schemas.ts";

/** Those that wait or run in this process. */
class Simulations {
  #count = 0;

  async run<Value>(work: () => Promise<Value>): Promise<Value> {
    if (this.#count >= TRANSFORMATION_SIMULATIONS_MAX) throw new PosthasteError("too_many_requests");
    this.#count += 1;
    try {
      return await work();
    } finally {
      this.#count -= 1;
    }
  }
}

const simulations = new Simulations();

export const simulateEndpointTransformation = environmentRoute({
  method: "POST",
  path: "/api/v1/app/:app_id/endpoint/:endpoint_id/transformation/simulate",
  operationId: "v1.endpoint.transformation.simulate",
  tag: "Endpoint",
  scope: "write:transformation",
  summary: "Simulate Transformation",
  description:
    "Runs the code given on the payload given, as it would run for this endpoint, and sends nothing. 400 " +
    "`transformation_failed` says what is wrong with the code; 429 when too many simulations wait. `channels` is not " +
    "handed to the code.",
  params: EndpointPath,
  body: TransformationSimulateIn,
  verbatim: "payload",
  answers: { 200: TransformationSimulateOut },
  async handle(call, services) {
    const { application, endpoints } = await findApplication(call, services);
    const endpoint = findEndpoint(endpoints, call.params.endpoint_id);
    const { code, eventType, variables = null, payload } = call.body;
    assertVariables(variables);
    const outcome = await simulations.run(() =>
      services.transformer.run({
        key: `simulate/${application.id}`,
        untrusted: true,
        code,
        variables,
        eventType,
        url: endpoint.url,
        payload: call.verbatim ?? JSON.stringify(payload),
        seed: endpoint.id,
        now: services.runtime.clock.now(),
      }),
    );
    if (outcome.kind === "interrupted") throw new PosthasteError("unavailable", "This server is stopping.");
    if (outcome.kind === "failed") throw new PosthasteError("transformation_failed", outcome.message);
    const { url, method, cancel } = outcome;
    return jsonAnswer(200, { url, payload: outcome.payload, method, cancel });
  },
});

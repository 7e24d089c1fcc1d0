import { PosthasteError } from "@posthaste/core/domain/errors";
import { NO_CONTENT } from "../../answer.ts";
import { environmentRoute } from "../../route.ts";
import { findApplication } from "../application/find.ts";
import { EndpointPath } from "../fields.ts";
import { assertVariables, EndpointTransformationPatch } from "./transformation-schemas.ts";
import { changeEndpoint } from "./write.ts";

export const patchEndpointTransformation = environmentRoute({
  method: "PATCH",
  path: "/api/v1/app/:app_id/endpoint/:endpoint_id/transformation",
  operationId: "v1.endpoint.transformation.patch",
  tag: "Endpoint",
  scope: "write:transformation",
  summary: "Set Endpoint Transformation",
  description:
    "Changes the fields given and leaves the others. The code runs on every attempt from now on, retries too, in a sealed " +
    "sandbox; docs/guides/transformations.md says what it may do. 400 `transformation_failed` enables nothing without code.",
  params: EndpointPath,
  body: EndpointTransformationPatch,
  answers: { 204: null },
  async handle(call, services) {
    const { application } = await findApplication(call, services);
    const { body } = call;
    assertVariables(body.variables);
    const now = services.runtime.clock.now();
    const target = { appId: application.id, ref: call.params.endpoint_id };
    await changeEndpoint(target, {
      services,
      change: (stored) => {
        const { transformation: before } = stored;
        const code = body.code === undefined ? (before?.code ?? null) : body.code;
        const enabled = body.enabled ?? before?.enabled ?? false;
        if (enabled && code === null) {
          throw new PosthasteError("transformation_failed", "There is no code to enable. Give code too.");
        }
        const variables = body.variables === undefined ? (before?.variables ?? null) : body.variables;
        return { ...stored, transformation: { code, enabled, variables, updatedAt: now } };
      },
    });
    return NO_CONTENT;
  },
});

import { Type } from "typebox";
import { jsonAnswer } from "../../answer.ts";
import { environmentRoute } from "../../route.ts";
import { named } from "../fields.ts";

const EndpointCountOut = named(
  "EndpointCountOut",
  Type.Object({ active: Type.Integer({ minimum: 0 }), disabled: Type.Integer({ minimum: 0 }) }),
);

export const countEndpoints = environmentRoute({
  method: "GET",
  path: "/api/v1/stats/endpoint/count",
  operationId: "v1.statistics.endpoint-count",
  tag: "Statistics",
  scope: "read:environment",
  summary: "Get Endpoint Counts",
  description: "How many endpoints all applications of this environment have, by whether they are disabled.",
  query: Type.Object({
    exclude_svix_play: Type.Optional(
      Type.Boolean({ default: true, description: "Taken for compatibility; there are none of these here." }),
    ),
  }),
  answers: { 200: EndpointCountOut },
  async handle({ environmentId }, { store }) {
    return jsonAnswer(200, await store.overview.countEndpoints({ environmentId }));
  },
});

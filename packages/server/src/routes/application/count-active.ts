import { Type } from "typebox";
import { jsonAnswer } from "../../answer.ts";
import { environmentRoute } from "../../route.ts";
import { named } from "../fields.ts";

const ActiveAppCount = named("ActiveAppCount", Type.Object({ count: Type.Integer({ minimum: 0 }) }));

export const countActiveApplications = environmentRoute({
  method: "GET",
  path: "/api/v1/app/stats/count-active",
  operationId: "v1.application.count-active",
  tag: "Application",
  scope: "read:environment",
  summary: "Count Active Applications",
  description: "How many applications of this environment have an endpoint that is enabled.",
  query: Type.Object({
    exclude_disabled: Type.Optional(
      Type.Boolean({ default: true, description: "false: a disabled endpoint makes one active, too." }),
    ),
    exclude_svix_play: Type.Optional(
      Type.Boolean({ default: true, description: "Taken for compatibility; there are none of these here." }),
    ),
  }),
  answers: { 200: ActiveAppCount },
  async handle({ environmentId, query }, { store }) {
    const counts = await store.overview.countApplications({ environmentId });
    const count = query.exclude_disabled === false ? counts.withEndpoint : counts.withEnabledEndpoint;
    return jsonAnswer(200, { count });
  },
});

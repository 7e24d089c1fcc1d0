import { PosthasteError } from "@posthaste/core/domain/errors";
import { NO_CONTENT } from "../../answer.ts";
import { publicRoute } from "../../route.ts";

export const getHealth = publicRoute({
  method: "GET",
  path: "/api/v1/health",
  operationId: "v1.health.get",
  tag: "Health",
  scope: "public",
  summary: "Health",
  description: "204 while events can be accepted, 503 while they cannot.",
  head: true,
  answers: { 204: null },
  async handle({ engine }) {
    const health = await engine.health();
    if (health.ok) return NO_CONTENT;
    throw new PosthasteError("unavailable", undefined, { cause: health.reason });
  },
});

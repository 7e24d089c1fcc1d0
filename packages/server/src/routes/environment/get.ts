import { environmentRoute } from "../../route.ts";
import { EnvironmentModelOut, EnvironmentPath, environmentText, namedEnvironment } from "./schemas.ts";

export const getEnvironment = environmentRoute({
  method: "GET",
  path: "/api/v1/management/environment/:env_id",
  operationId: "v1.management.environment.get",
  tag: "Environment",
  scope: "read:installation",
  summary: "Get Environment",
  description: "One environment.",
  params: EnvironmentPath,
  answers: { 200: EnvironmentModelOut },
  async handle({ params }, services) {
    return { status: 200, text: environmentText(await namedEnvironment(params, services)) };
  },
});

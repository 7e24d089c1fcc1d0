import { PosthasteError } from "@posthaste/core/domain/errors";
import { ENVIRONMENTS_MAX, RETENTION_DAYS_DEFAULT } from "@posthaste/core/domain/limits";
import { environmentWithCatalog } from "../../new-environment.ts";
import { environmentRoute } from "../../route.ts";
import { EnvironmentModelIn, EnvironmentModelOut, environmentText, nameTaken } from "./schemas.ts";

export const createEnvironment = environmentRoute({
  method: "POST",
  path: "/api/v1/management/environment",
  operationId: "v1.management.environment.create",
  tag: "Environment",
  scope: "write:installation",
  summary: "Create Environment",
  description:
    "Makes an environment with the event types of the catalog, default settings and an encryption key of its own; every " +
    "node serves it at once. It has no API key yet: make its first one with the operator's key, by " +
    "`POST /api/v1/management/authentication/{env_id}/api-token`. 409 when the name is taken, 400 (`limit_reached`) " +
    `beyond ${ENVIRONMENTS_MAX} environments.`,
  body: EnvironmentModelIn,
  answers: { 201: EnvironmentModelOut },
  async handle({ body: { name, type }, remember }, { store, runtime, retentionDays }) {
    if ((await store.environments.list()).length >= ENVIRONMENTS_MAX) {
      throw new PosthasteError(
        "limit_reached",
        `There are ${ENVIRONMENTS_MAX} environments. Delete one first.`,
      );
    }
    const chosen = { name, type, retentionDays: retentionDays ?? RETENTION_DAYS_DEFAULT };
    const { environment, eventTypes } = environmentWithCatalog(chosen, runtime);
    const answer = { status: 201, text: environmentText(environment) };
    const result = await store.environments.insert(environment, { ...remember(answer), eventTypes });
    if (result.kind === "conflict") throw nameTaken();
    return answer;
  },
});

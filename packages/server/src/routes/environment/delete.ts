import { PosthasteError } from "@posthaste/core/domain/errors";
import { NO_CONTENT } from "../../answer.ts";
import { environmentRoute } from "../../route.ts";
import { EnvironmentPath, namedEnvironment } from "./schemas.ts";

export const deleteEnvironment = environmentRoute({
  method: "DELETE",
  path: "/api/v1/management/environment/:env_id",
  operationId: "v1.management.environment.delete",
  tag: "Environment",
  scope: "write:installation",
  summary: "Delete Environment",
  description:
    "Deletes an environment with everything in it; there is no way back. Its keys and tokens are refused and nothing of " +
    "it is sent any more: here at once, on every other node within 5 s. Its rows are removed in the background, those of " +
    "its applications and its encryption key an hour later. Its name is free at once. A second time it is 404. The last " +
    "environment can be deleted too: the operator's key makes another, and a start without any makes live and sandbox.",
  params: EnvironmentPath,
  answers: { 204: null },
  async handle({ params }, services) {
    const { store, runtime, engine, credentials } = services;
    const { id } = await namedEnvironment(params, services);
    const deleted = await store.environments.delete({ id, now: runtime.clock.now() });
    if (!deleted) throw new PosthasteError("not_found", "No environment has this id.");
    credentials.forgetAll();
    await engine.environmentChanged(id);
    return NO_CONTENT;
  },
});

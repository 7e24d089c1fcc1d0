import { PosthasteError } from "@posthaste/core/domain/errors";
import { NO_CONTENT } from "../../answer.ts";
import { environmentRoute } from "../../route.ts";
import { AppPath } from "../fields.ts";
import { storedApplication } from "./write.ts";

export const deleteApplication = environmentRoute({
  method: "DELETE",
  path: "/api/v1/app/:app_id",
  operationId: "v1.application.delete",
  tag: "Application",
  scope: "write:application",
  summary: "Delete Application",
  description: "Deletes the application and its endpoints. What was still to be sent is canceled.",
  params: AppPath,
  answers: { 204: null },
  async handle({ environmentId, params }, services) {
    const { id } = await storedApplication({ environmentId, ref: params.app_id }, services);
    const deleted = await services.store.applications.delete({ environmentId, id });
    if (!deleted) throw new PosthasteError("not_found");
    await services.engine.applicationChanged(id);
    return NO_CONTENT;
  },
});

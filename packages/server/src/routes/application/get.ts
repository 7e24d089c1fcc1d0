import { environmentRoute } from "../../route.ts";
import { AppPath } from "../fields.ts";
import { findApplication } from "./find.ts";
import { ApplicationOut, applicationText } from "./schemas.ts";

export const getApplication = environmentRoute({
  method: "GET",
  path: "/api/v1/app/:app_id",
  operationId: "v1.application.get",
  tag: "Application",
  scope: "read:application",
  summary: "Get Application",
  description: "The application an id or uid names; 404 when the environment has none.",
  params: AppPath,
  answers: { 200: ApplicationOut },
  async handle(call, services) {
    const { application } = await findApplication(call, services);
    return { status: 200, text: applicationText(application) };
  },
});

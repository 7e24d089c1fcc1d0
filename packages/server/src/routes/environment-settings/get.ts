import { environmentRoute } from "../../route.ts";
import { findEnvironment } from "../environment/write.ts";
import { SettingsInternalOut } from "./schemas.ts";
import { settingsText } from "./settings.ts";

export const getEnvironmentSettings = environmentRoute({
  method: "GET",
  path: "/api/v1/management/environment-settings",
  operationId: "v1.management.environment-settings.get",
  tag: "Environment Settings",
  scope: "read:environment",
  summary: "Get Environment Settings",
  description: "Every setting of the key's environment; what was never set is shown with its default.",
  answers: { 200: SettingsInternalOut },
  async handle({ environmentId }, services) {
    const environment = await findEnvironment(environmentId, services);
    return { status: 200, text: settingsText(environment, services) };
  },
});

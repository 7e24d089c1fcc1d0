import { environmentRoute } from "../../route.ts";
import { EnvironmentSettingsOut } from "../environment-settings/schemas.ts";
import { shownSettingsText } from "../environment-settings/settings.ts";
import { findEnvironment } from "./write.ts";

export const getShownSettings = environmentRoute({
  method: "GET",
  path: "/api/v1/environment/settings",
  operationId: "v1.environment.get-settings",
  tag: "Environment",
  scope: "read:portal-settings",
  summary: "Get Portal Settings",
  description: "The settings of the environment that a portal shows itself by. Portal tokens may read them.",
  answers: { 200: EnvironmentSettingsOut },
  async handle({ environmentId }, services) {
    return { status: 200, text: shownSettingsText(await findEnvironment(environmentId, services)) };
  },
});

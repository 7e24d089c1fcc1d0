import { environmentRoute } from "../../route.ts";
import { changeEnvironment } from "../environment/write.ts";
import { SettingsInternalIn, SettingsInternalOut } from "./schemas.ts";
import { assertSettings, settingsText, withSettings } from "./settings.ts";

export const updateEnvironmentSettings = environmentRoute({
  method: "PUT",
  path: "/api/v1/management/environment-settings",
  operationId: "v1.management.environment-settings.update",
  tag: "Environment Settings",
  scope: "write:environment",
  summary: "Update Environment Settings",
  description:
    "Replaces the settings: those left out get their defaults, but for `retentionDays`, which stays. Deliveries on every " +
    "node follow within a second.",
  body: SettingsInternalIn,
  answers: { 200: SettingsInternalOut },
  async handle({ environmentId, body }, services) {
    assertSettings(body);
    const changed = await changeEnvironment(environmentId, {
      services,
      change: (stored) => withSettings(stored, body, { replace: true }),
    });
    return { status: 200, text: settingsText(changed, services) };
  },
});

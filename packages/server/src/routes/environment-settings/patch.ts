import { environmentRoute } from "../../route.ts";
import { changeEnvironment } from "../environment/write.ts";
import { SettingsInternalPatch, SettingsInternalOut } from "./schemas.ts";
import { assertSettings, settingsText, withSettings } from "./settings.ts";

export const patchEnvironmentSettings = environmentRoute({
  method: "PATCH",
  path: "/api/v1/management/environment-settings",
  operationId: "v1.management.environment-settings.patch",
  tag: "Environment Settings",
  scope: "write:environment",
  summary: "Patch Environment Settings",
  description:
    "Changes the settings given and leaves the others; null gives one that may be null its default again. " +
    "Deliveries on every node follow within a second.",
  body: SettingsInternalPatch,
  answers: { 200: SettingsInternalOut },
  async handle({ environmentId, body }, services) {
    assertSettings(body);
    const changed = await changeEnvironment(environmentId, {
      services,
      change: (stored) => withSettings(stored, body, { replace: false }),
    });
    return { status: 200, text: settingsText(changed, services) };
  },
});

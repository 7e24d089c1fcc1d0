import type { Environment, EnvironmentSettings } from "@posthaste/core/domain/environment";
import { invalidField } from "@posthaste/core/domain/errors";
import { ENVIRONMENT_SETTINGS_MAX_BYTES } from "../../http-limits.ts";
import type { Services } from "../../route.ts";
import { defaultOf, SETTING_NAMES, type SettingsGiven, SHOWN_NAMES } from "./schemas.ts";

/** What every endpoint of the server is held to, whatever the environment says. */
function allowsHttp({ rules }: Pick<Services, "rules">): boolean {
  return rules.checkUrl("http://example.com/").ok;
}

/** The value that counts. */
function valueOf(name: string, settings: EnvironmentSettings, services: Pick<Services, "rules">): unknown {
  if (name === "enforceHttps") return settings[name] === true || !allowsHttp(services);
  return settings[name] ?? defaultOf(name);
}

/** Every setting as the API shows it. */
export function settingsText(environment: Environment, services: Pick<Services, "rules">): string {
  const { settings, retentionDays } = environment;
  const entries = SETTING_NAMES.map((name) => [name, valueOf(name, settings, services)]);
  return JSON.stringify({
    ...Object.fromEntries(entries),
    retentionDays,
    showSvixBrandFooter: false,
    whitelabelLogo: null,
  });
}

/** What a portal needs of them. */
export function shownSettingsText({ settings }: Environment): string {
  const entries = SHOWN_NAMES.map((name) => [name, settings[name] ?? defaultOf(name)]);
  return JSON.stringify({
    ...Object.fromEntries(entries),
    logoUrl: settings["customLogoUrl"] ?? null,
    enableMessageTags: true,
    showSvixBrandFooter: false,
  });
}

/** The environment with the settings that are given set, beside or instead of those it has. */
export function withSettings(
  environment: Environment,
  given: SettingsGiven,
  { replace }: { replace: boolean },
): Environment {
  const before = replace ? {} : environment.settings;
  const set = SETTING_NAMES.flatMap((name) =>
    given[name] === undefined ? [] : [[name, given[name]] as const],
  );
  const all = Object.entries({ ...before, ...Object.fromEntries(set) });
  // What is set to nothing is not set.
  const settings: EnvironmentSettings = Object.fromEntries(all.filter(([, value]) => value !== null));
  return { ...environment, settings, retentionDays: given.retentionDays ?? environment.retentionDays };
}

/** Refuses what would not fit beside the environment. */
export function assertSettings(given: SettingsGiven, loc: readonly string[] = ["body"]): void {
  const bytes = Buffer.byteLength(JSON.stringify(given));
  if (bytes <= ENVIRONMENT_SETTINGS_MAX_BYTES) return;
  throw invalidField(
    loc,
    `All settings together have at most ${ENVIRONMENT_SETTINGS_MAX_BYTES} bytes as JSON.`,
  );
}

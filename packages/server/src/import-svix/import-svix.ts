import { parseArgs } from "node:util";
import type { Runtime } from "@posthaste/core/runtime/runtime";
import { systemRuntime } from "@posthaste/core/runtime/system-runtime";
import { pino } from "pino";
import { ConfigError, importTokens } from "../config.ts";
import { Api } from "./api.ts";
import { ImportStopped } from "./refusals.ts";
import { copyApplications } from "./copy-applications.ts";
import { copyEventTypes } from "./copy-event-types.ts";
import { Report } from "./report.ts";

export { ConfigError } from "../config.ts";

const PROGRESS_EVERY = 100;
const HELP = "— see: posthaste import svix --help";

export interface SvixImport {
  readonly from: string;
  readonly to: string;
  readonly token: string;
  readonly apiKey: string;
  readonly dryRun: boolean;
}

/** Reads flags and the environment; throws ConfigError with a sentence that says what to change. */
export function readSvixImport(
  args: readonly string[],
  env?: Record<string, string | undefined>,
): SvixImport {
  const values = parse(args);
  const tokens = importTokens(env);
  const token = values.token ?? tokens.svix;
  if (!token) throw new ConfigError(`Set SVIX_TOKEN to an API token of Svix, or give --token ${HELP}`);
  const apiKey = values["api-key"] ?? tokens.posthaste;
  if (!apiKey) {
    throw new ConfigError(`Set POSTHASTE_API_KEY to a key of this server, or give --api-key ${HELP}`);
  }
  return {
    from: address("url", values.url),
    to: address("to", values.to ?? "http://127.0.0.1:8071"),
    token,
    apiKey,
    dryRun: values["dry-run"] ?? false,
  };
}

function parse(args: readonly string[]) {
  const options = {
    url: { type: "string" },
    token: { type: "string" },
    to: { type: "string" },
    "api-key": { type: "string" },
    "dry-run": { type: "boolean" },
  } as const;
  try {
    return parseArgs({ args: [...args], options }).values;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError(`${reason.split(". To specify")[0]} ${HELP}`);
  }
}

/** Without a slash at the end, and without the path that every operation begins with. */
function address(flag: string, text: string | undefined): string {
  if (text === undefined) throw new ConfigError(`--${flag} is missing: https://api.eu.svix.com ${HELP}`);
  const trimmed = text.replace(/\/+$/, "").replace(/\/api\/v1$/, "");
  const url = URL.canParse(trimmed) ? new URL(trimmed) : null;
  const plain = url !== null && /^https?:$/.test(url.protocol) && url.username === "" && url.search === "";
  if (!plain) throw new ConfigError(`--${flag} must be an address such as https://api.eu.svix.com ${HELP}`);
  return trimmed;
}

/**
 * Copies event types, applications and endpoints with their secrets, headers and transformations from one API to the
 * other. What is there already is found by uid, compared, and changed where it differs; nothing is ever deleted. Rejects
 * with `ImportStopped` when it cannot go on.
 */
export async function importSvix(
  { from, to, token, apiKey, dryRun }: SvixImport,
  {
    onProgress,
    runtime = systemRuntime(pino({ level: "silent" })),
  }: {
    onProgress: (sentence: string) => void;
    runtime?: Pick<Runtime, "timers" | "random" | "ids" | "clock">;
  },
): Promise<Report> {
  const report = new Report();
  const copy = {
    from: new Api({ name: "Svix", url: from, token, onProgress, runtime }),
    to: new Api({ name: "Posthaste", url: to, token: apiKey, onProgress, runtime }),
    report,
    dryRun,
  };
  if ((await copy.to.find("/auth/whoami")) === null) {
    throw new ImportStopped(`${to} is no Posthaste: it does not know /api/v1/auth/whoami.`);
  }
  await copyEventTypes(copy);
  await copyApplications(copy, (count) => {
    if (count % PROGRESS_EVERY === 0) onProgress(`${count.toLocaleString("en")} applications so far`);
  });
  return report;
}

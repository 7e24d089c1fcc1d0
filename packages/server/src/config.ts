/**
 * Configuration: the only reader of the environment. Every flag of `posthaste start` is also a variable
 * (`--data` = POSTHASTE_DATA); a flag wins. A wrong value is an error before anything opens.
 */
import { parseArgs } from "node:util";
import {
  API_KEY_FORM,
  environmentOfKey,
  isOperatorText,
  OPERATOR_KEY_FORM,
} from "@posthaste/core/domain/credential";
import {
  RETENTION_DAYS_MAX,
  RETRY_DELAY_MAX_MS,
  RETRY_SCHEDULE_ENTRIES_MAX,
  RETRY_SCHEDULE_MS,
} from "@posthaste/core/domain/limits";
import type { NodeRole } from "@posthaste/core/storage/port";
import { formatDurations, parseDuration } from "./durations.ts";
import { QUOTA_RATE_MAX } from "./http-limits.ts";
import { FLAGS, LOG_LEVELS, type LogLevel } from "./flags.ts";
import type { QuotaRates } from "./quotas.ts";
import { DEV_NETWORKS, parsePolicy, type EgressRules } from "@posthaste/core/egress/policy";

export { FLAGS } from "./flags.ts";

export interface Config {
  /** Address to listen on. */
  readonly host: string;
  /** Port to listen on; 0 = any free one. */
  readonly port: number;
  /** Folder of the SQLite database, made when it is not there; not used with `database`. */
  readonly data: string;
  /** URL of a PostgreSQL database that any number of nodes share; null = SQLite in `data`. */
  readonly database: string | null;
  /** The ring of master keys, as POSTHASTE_MASTER_KEYS has it; null = a file. */
  readonly masterKeys: string | null;
  /** File with the ring; null = beside the SQLite database. */
  readonly masterKeysFile: string | null;
  /** What this node does; anything but all needs a database that others share. */
  readonly role: NodeRole;
  /** Development: http, this machine and private networks are allowed as destinations. */
  readonly dev: boolean;
  /** Where browsers reach this server, for links to the portal; null = the address it listens on. */
  readonly publicUrl: string | null;
  /** A live (or sandbox) key that is to exist after the start. */
  readonly apiKey: string | null;
  /** By which environments are managed; null: nobody may. */
  readonly operatorKey: string | null;
  /** Waits between attempts, milliseconds. */
  readonly retryScheduleMs: readonly number[];
  /** Where deliveries may go. */
  readonly egress: EgressRules;
  readonly allowedNetworks: readonly string[];
  /** PEM file of authorities trusted for deliveries besides the usual ones. */
  readonly extraCaFile: string | null;
  /** How long environments that this node makes keep messages and attempts. */
  readonly retentionDays: number;
  /** What each key, token and application may have of this node. */
  readonly quotas: QuotaRates;
  readonly logLevel: LogLevel;
}

const ROLES = ["all", "api", "worker"] as const satisfies readonly NodeRole[];

/** A setting that cannot be used: what is wrong and what to write instead. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

const POSTGRES_PORT = "5432";

type FlagName = keyof typeof FLAGS;
type Env = Readonly<Record<string, string | undefined>>;

/** Reads flags and the environment; throws ConfigError with a sentence that says what to change. */
export function loadConfig(args: readonly string[], env: Env = process.env): Config {
  const flags = readFlags(args);
  const text = (name: FlagName): string | null => nonEmpty(flags[name]) ?? nonEmpty(env[variableName(name)]);
  const isOn = (name: FlagName): boolean =>
    flags[name] === true || parseSwitch(name, env[variableName(name)]);
  if (env["NODE_TLS_REJECT_UNAUTHORIZED"] === "0") {
    throw new ConfigError(
      "NODE_TLS_REJECT_UNAUTHORIZED=0 would send events to anyone who answers. Unset it; use --extra-ca FILE for a private authority.",
    );
  }
  const database = parseDatabase(text("database"));
  // A folder that an image or a unit file sets for everybody does not contradict a database; one on the same line does.
  if (database !== null && nonEmpty(flags.data) !== null) {
    throw new ConfigError(
      "--data is where SQLite keeps its files, and --database is used instead. Leave one out.",
    );
  }
  const dev = isOn("dev");
  const listed = splitList(text("allow-networks"));
  const allowedNetworks = dev ? [...DEV_NETWORKS, ...listed] : listed;
  const policy = parsePolicy({ allowHttp: dev || isOn("allow-http"), allowedNetworks });
  if (!policy.ok) throw new ConfigError(`--allow-networks: ${policy.message}`);
  return {
    host: text("host") ?? FLAGS.host.default,
    port: parseInteger("port", text("port") ?? FLAGS.port.default, 0, 65_535),
    data: text("data") ?? FLAGS.data.default,
    database,
    masterKeys: masterKeysText(env),
    masterKeysFile: text("master-keys-file"),
    role: parseRole(text("role") ?? FLAGS.role.default, database),
    dev,
    publicUrl: parsePublicUrl(text("public-url")),
    apiKey: parseApiKey(text("api-key")),
    operatorKey: parseOperatorKey(nonEmpty(env["POSTHASTE_OPERATOR_KEY"])),
    retryScheduleMs: parseSchedule(text("retry-schedule")),
    egress: policy.rules,
    allowedNetworks,
    extraCaFile: text("extra-ca"),
    retentionDays: parseInteger(
      "retention-days",
      text("retention-days") ?? FLAGS["retention-days"].default,
      1,
      RETENTION_DAYS_MAX,
    ),
    quotas: {
      keyRequestsPerS: parseRate("key-requests-per-second", text("key-requests-per-second")),
      tokenRequestsPerS: parseRate(
        "token-requests-per-second",
        text("token-requests-per-second") ?? FLAGS["token-requests-per-second"].default,
      ),
      appMessagesPerS: parseRate("app-messages-per-second", text("app-messages-per-second")),
    },
    logLevel: parseLogLevel(text("log-level") ?? FLAGS["log-level"].default),
  };
}

/** For the log at the start: everything but secrets. */
export function redactConfig(config: Config): Record<string, unknown> {
  const {
    egress,
    apiKey,
    operatorKey,
    retryScheduleMs,
    data,
    database,
    masterKeys: _secret,
    ...rest
  } = config;
  return {
    ...rest,
    ...(database === null ? { data } : { database: redactDatabase(database) }),
    apiKey: apiKey === null ? null : `phk_${environmentOfKey(apiKey) ?? ""}_[redacted]`,
    operatorKey: operatorKey === null ? null : "[redacted]",
    retrySchedule: formatDurations(retryScheduleMs),
    allowHttp: egress.allowHttp,
  };
}

/** Where a database is, without its password. */
export function redactDatabase(url: string): Record<"host" | "port" | "database" | "user", string> {
  const { hostname, port, pathname, username, searchParams } = new URL(url);
  return {
    host: searchParams.get("host") ?? hostname,
    port: port === "" ? POSTGRES_PORT : port,
    database: decodeURIComponent(pathname.slice(1)),
    user: decodeURIComponent(username),
  };
}

/** `--retry-schedule` → `POSTHASTE_RETRY_SCHEDULE`. */
export function variableName(flag: string): string {
  return `POSTHASTE_${flag.toUpperCase().replaceAll("-", "_")}`;
}

function readFlags(args: readonly string[]): Partial<Record<FlagName, string | boolean>> {
  const options = Object.fromEntries(Object.entries(FLAGS).map(([name, { type }]) => [name, { type }]));
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: false }).values;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError(`${reason.split(". To specify")[0]} — see: posthaste start --help`);
  }
}

function nonEmpty(value: string | boolean | undefined): string | null {
  return typeof value === "string" && value.trim() !== "" ? value.trim() : null;
}

function parseSwitch(name: FlagName, value: string | undefined): boolean {
  if (value === undefined || value === "" || /^(0|false|off|no)$/i.test(value)) return false;
  if (/^(1|true|on|yes)$/i.test(value)) return true;
  throw new ConfigError(`${variableName(name)} is "${value}": write 1 or 0.`);
}

function splitList(text: string | null): string[] {
  return text?.split(",").flatMap((part) => (part.trim() === "" ? [] : [part.trim()])) ?? [];
}

function parseInteger(name: FlagName, text: string, min: number, max: number): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max)) {
    throw new ConfigError(`--${name} is "${text}": write a whole number from ${min} to ${max}.`);
  }
  return value;
}

function parseRate(name: FlagName, text: string | null): number | null {
  const rate = text === null ? 0 : parseInteger(name, text, 0, QUOTA_RATE_MAX);
  return rate === 0 ? null : rate;
}

function parseApiKey(text: string | null): string | null {
  if (text !== null && environmentOfKey(text) === null) {
    throw new ConfigError(
      `--api-key does not have the form ${API_KEY_FORM}, such as phk_live_ followed by 32 random letters.`,
    );
  }
  return text;
}

/** Never a flag: process lists show those. Its words never go into a message. */
function parseOperatorKey(text: string | null): string | null {
  if (text !== null && !isOperatorText(text)) {
    throw new ConfigError(
      `POSTHASTE_OPERATOR_KEY does not have the form ${OPERATOR_KEY_FORM}. "posthaste keys operator" prints one.`,
    );
  }
  return text;
}

function parsePublicUrl(text: string | null): string | null {
  if (text === null) return null;
  const url = URL.parse(text);
  const isPlain = url !== null && /^https?:$/.test(url.protocol) && url.username === "" && url.search === "";
  if (!isPlain || url.hash !== "") {
    // Its words stay out of the message: they may hold a password.
    throw new ConfigError(
      "--public-url is not an address such as https://hooks.example.com. Write only that.",
    );
  }
  return url.href.replace(/\/+$/, "");
}

/** What a flag or else its variable says of the data folder; the default where both are silent. */
export function dataText(flag: string | undefined, env: Env = process.env): string {
  return nonEmpty(flag) ?? nonEmpty(env[variableName("data")]) ?? FLAGS.data.default;
}

/** What `posthaste import svix` signs in with on either side. */
export function importTokens(env: Env = process.env): { svix: string | null; posthaste: string | null } {
  return { svix: nonEmpty(env["SVIX_TOKEN"]), posthaste: nonEmpty(env[variableName("api-key")]) };
}

/** What a flag or else its variable says of the database. */
export function databaseText(flag: string | undefined, env: Env = process.env): string | null {
  return nonEmpty(flag) ?? nonEmpty(env[variableName("database")]);
}

/**
 * The ring of master keys in the environment; null where it is not there. Never a flag: process lists show those.
 */
export function masterKeysText(env: Env = process.env): string | null {
  return nonEmpty(env["POSTHASTE_MASTER_KEYS"]);
}

/** The file that a flag or else its variable names; null where both are silent. */
export function masterKeysFileText(flag: string | undefined, env: Env = process.env): string | null {
  return nonEmpty(flag) ?? nonEmpty(env[variableName("master-keys-file")]);
}

/** Its words never go into a message: they hold a password. */
export function parseDatabase(text: string | null): string | null {
  if (text === null) return null;
  const url = URL.parse(text);
  if (url === null || !/^postgres(ql)?:$/.test(url.protocol) || !/^\/[^/]+$/.test(url.pathname)) {
    throw new ConfigError(
      "--database is not a PostgreSQL URL. Write postgres://user:password@host:5432/name, special characters of the password in percent form.",
    );
  }
  return text;
}

function parseRole(text: string, database: string | null): NodeRole {
  const role = ROLES.find((known) => known === text);
  if (!role) throw new ConfigError(`--role is "${text}": write one of ${ROLES.join(", ")}.`);
  if (role !== "all" && database === null) {
    throw new ConfigError(
      `--role ${role} needs --database: SQLite is used by one process, which does it all.`,
    );
  }
  return role;
}

function parseLogLevel(text: string): LogLevel {
  const level = LOG_LEVELS.find((known) => known === text);
  if (!level) throw new ConfigError(`--log-level is "${text}": write one of ${LOG_LEVELS.join(", ")}.`);
  return level;
}

function parseSchedule(text: string | null): readonly number[] {
  if (text === null) return RETRY_SCHEDULE_MS;
  const waits = splitList(text).map((part) => parseWait(part));
  if (waits.length === 0 || waits.length > RETRY_SCHEDULE_ENTRIES_MAX) {
    throw new ConfigError(`--retry-schedule takes 1 to ${RETRY_SCHEDULE_ENTRIES_MAX} waits.`);
  }
  return waits;
}

function parseWait(text: string): number {
  const waitMs = parseDuration(text);
  if (!(waitMs <= RETRY_DELAY_MAX_MS)) {
    throw new ConfigError(
      `--retry-schedule: "${text}" is not a wait. Write numbers with ms, s, m, h or d, at most 7d: 5s,5m,30m,2h.`,
    );
  }
  return waitMs;
}

/** Every flag of `posthaste start`, as data: config.ts reads them. */
import { API_KEY_FORM } from "@posthaste/core/domain/credential";
import { RETENTION_DAYS_DEFAULT, RETRY_SCHEDULE_MS } from "@posthaste/core/domain/limits";
import { formatDurations } from "./durations.ts";
import { TOKEN_REQUESTS_PER_S_DEFAULT } from "./http-limits.ts";

export const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

interface Flag {
  readonly type: "string" | "boolean";
  readonly value: string;
  readonly default: string;
  readonly help: string;
}

/** Every setting, with the words of `posthaste start --help`. */
export const FLAGS = {
  host: { type: "string", value: "ADDRESS", default: "127.0.0.1", help: "address to listen on" },
  port: { type: "string", value: "PORT", default: "8071", help: "port to listen on, 0 = any free one" },
  data: { type: "string", value: "DIR", default: "posthaste-data", help: "folder of the SQLite database" },
  database: {
    type: "string",
    value: "URL",
    default: "none: SQLite in --data",
    help: "PostgreSQL database that several nodes share: postgres://user:password@host:5432/name",
  },
  "master-keys-file": {
    type: "string",
    value: "FILE",
    default: "with SQLite: master-keys in --data, made at the first start",
    help: "keys that secrets are encrypted with, one a line, the first encrypts; POSTHASTE_MASTER_KEYS holds them instead",
  },
  role: {
    type: "string",
    value: "ROLE",
    default: "all",
    help: "what this node does: api accepts, worker sends, all does both; not all needs --database",
  },
  dev: {
    type: "boolean",
    value: "",
    default: "off",
    help: "development: deliver over http, to this machine and to private networks as well",
  },
  "api-key": {
    type: "string",
    value: "KEY",
    default: "made at the first start",
    help: `a key that is to exist: ${API_KEY_FORM}`,
  },
  "public-url": {
    type: "string",
    value: "URL",
    default: "the address it listens on",
    help: "where browsers reach this server, for links to the portal: https://hooks.example.com",
  },
  "retry-schedule": {
    type: "string",
    value: "5s,5m,…",
    default: formatDurations(RETRY_SCHEDULE_MS),
    help: "waits between attempts after the first",
  },
  "allow-networks": {
    type: "string",
    value: "CIDR,…",
    default: "none",
    help: "private networks that deliveries may go to: 10.20.0.0/16 or 10.1.2.3:9000",
  },
  "allow-http": {
    type: "boolean",
    value: "",
    default: "off",
    help: "also deliver over unencrypted http",
  },
  "extra-ca": {
    type: "string",
    value: "FILE",
    default: "none",
    help: "PEM file of certificate authorities trusted for deliveries besides the usual ones",
  },
  "retention-days": {
    type: "string",
    value: "DAYS",
    default: String(RETENTION_DAYS_DEFAULT),
    help: "how long environments keep messages and attempts, unless their settings say otherwise",
  },
  "key-requests-per-second": {
    type: "string",
    value: "N",
    default: "no limit",
    help: "requests that one API key may make on this node; 0 = no limit",
  },
  "token-requests-per-second": {
    type: "string",
    value: "N",
    default: String(TOKEN_REQUESTS_PER_S_DEFAULT),
    help: "requests that one portal or message token may make on this node; 0 = no limit",
  },
  "app-messages-per-second": {
    type: "string",
    value: "N",
    default: "no limit",
    help: "messages that one application may be sent through this node; 0 = no limit",
  },
  "log-level": { type: "string", value: "LEVEL", default: "info", help: LOG_LEVELS.join(", ") },
} as const satisfies Record<string, Flag>;

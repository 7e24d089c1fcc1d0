import { readFileSync } from "node:fs";
import { createEngine } from "@posthaste/core/engine/create-engine";
import type { Engine } from "@posthaste/core/engine/engine";
import { createEgress } from "@posthaste/core/egress/create-egress";
import { checkHeader, isSensitiveHeader } from "@posthaste/core/egress/header-policy";
import { checkIdentity, checkServerCa } from "@posthaste/core/egress/tls-profile";
import { assertionKey } from "@posthaste/core/engine/oauth/token-request";
import { checkUrl } from "@posthaste/core/egress/url-policy";
import type { Runtime } from "@posthaste/core/runtime/runtime";
import { systemRuntime } from "@posthaste/core/runtime/system-runtime";
import { TransformPool } from "@posthaste/core/transform/pool";
import type { Store } from "@posthaste/core/storage/port";
import { createSigner } from "@posthaste/receiver/node";
import { pino } from "pino";
import { buildApp } from "./app.ts";
import { type Config, ConfigError, redactConfig } from "./config.ts";
import { type NewKey, prepareEnvironments } from "./first-start.ts";
import { Metrics } from "./metrics.ts";
import { openStore } from "./open-store.ts";
import { Quotas } from "./quotas.ts";

export { type Config, ConfigError, FLAGS, loadConfig, redactDatabase, variableName } from "./config.ts";
export type { NewKey } from "./first-start.ts";

/** Thousands of endpoints may share one host (an automation service), each with its own lane. */
const CONNECTIONS_PER_ORIGIN_MAX = 1_024;

export interface RunningServer {
  /** `http://host:port`. */
  readonly url: string;
  /** Keys made at this start; shown once. */
  readonly newKeys: readonly NewKey[];
  /** The file of master keys that this start made; null when there was a ring. */
  readonly newMasterKeys: string | null;
  /** Graceful: refuse, drain, release, close. Safe to call twice. */
  stop(): Promise<void>;
}

export interface StartOptions {
  /** The store can never write again (a failed fsync, a dead worker): the process has to end, non-zero. */
  readonly onFatal: (error: Error) => void;
}

/** The composition root. Opens everything or nothing: an error on the way closes what was open and is thrown. */
export async function startServer(config: Config, { onFatal }: StartOptions): Promise<RunningServer> {
  const log = pino({ level: config.logLevel, base: null, serializers: { error: loggedError } });
  const runtime = systemRuntime(log);
  const extraCa = readExtraCa(config.extraCaFile);
  const { store, newMasterKeys } = await openStore(config, { runtime, log, onFatal });
  try {
    const newKeys = await prepareEnvironments({ ...config, store, runtime });
    const running = await serve(config, { store, runtime, extraCa });
    if (newMasterKeys !== null) log.warn({ file: newMasterKeys }, "master keys made: keep a copy elsewhere");
    log.info({ ...redactConfig(config), url: running.url }, "posthaste started");
    return { ...running, newKeys, newMasterKeys };
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function serve(
  config: Config,
  { store, runtime, extraCa }: { store: Store; runtime: Runtime; extraCa: readonly string[] },
): Promise<Omit<RunningServer, "newKeys" | "newMasterKeys">> {
  const metrics = new Metrics();
  const quotas = new Quotas(config.quotas, {
    clock: runtime.clock,
    onRefused: (quota) => metrics.requestRefused(quota),
  });
  const egress = createEgress({
    runtime,
    rules: config.egress,
    extraCa,
    connectionsPerOrigin: CONNECTIONS_PER_ORIGIN_MAX,
  });
  const transformer = new TransformPool({ runtime });
  const engine = createEngine({
    store,
    transformer,
    egress,
    runtime,
    observer: metrics,
    onBroadcast: (appId) => quotas.countBroadcast(appId),
    retryScheduleMs: config.retryScheduleMs,
    role: config.role,
  });
  metrics.watch({ engine, store });
  let listening = "";
  const app = buildApp({
    publicUrl: () => config.publicUrl ?? listening,
    engine,
    store,
    runtime,
    transformer,
    metrics: metrics.registry,
    role: config.role,
    operatorKey: config.operatorKey,
    retentionDays: config.retentionDays,
    quotas,
    rules: {
      checkUrl: (url) => checkUrl(url, config.egress),
      checkHeader,
      isSensitiveHeader,
      checkSecret: (secret) => void createSigner([secret]),
      checkIdentity: (pem) => checkIdentity(pem, runtime.clock.now()),
      checkServerCa: (pem) => checkServerCa(pem, runtime.clock.now()),
      checkAssertionKey: (key) => void assertionKey(key),
    },
  });
  // Listening first: a port that is taken must not find deliveries already on their way.
  const url = await app.listen({ host: config.host, port: config.port });
  listening = url;
  await engine.start();
  let stopping: Promise<void> | null = null;
  return {
    url,
    stop: () => (stopping ??= stopAll({ app, engine, store, egress, transformer, runtime })),
  };
}

/** Not ready → stop claiming → drain → abort → release leases → close the store. */
async function stopAll(parts: {
  app: { close(): Promise<unknown> };
  engine: Engine;
  store: Store;
  egress: { close(): Promise<void> };
  transformer: { close(): Promise<void> };
  runtime: Runtime;
}): Promise<void> {
  const { app, engine, store, egress, transformer, runtime } = parts;
  runtime.log.info({}, "stopping: no new events, finishing what is in flight");
  await engine.stop();
  await app.close();
  await transformer.close();
  await egress.close();
  await store.close();
  runtime.log.info({}, "stopped");
}

/** An Error's own fields are not enumerable: without this a log line would say `{}`. */
function loggedError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { name, message, stack, cause } = error;
  return { name, message, stack, ...(cause === undefined ? {} : { cause: loggedError(cause) }) };
}

function readExtraCa(file: string | null): string[] {
  if (file === null) return [];
  try {
    return [readFileSync(file, "utf8")];
  } catch (error) {
    throw new ConfigError(`--extra-ca: ${file} cannot be read (${String(error)}).`);
  }
}

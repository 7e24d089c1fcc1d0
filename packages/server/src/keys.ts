import { existsSync } from "node:fs";
import { parseArgs } from "node:util";
import { operatorText } from "@posthaste/core/domain/credential";
import { systemRuntime } from "@posthaste/core/runtime/system-runtime";
import { rewrapDataKeys } from "@posthaste/core/storage/sealed/data-keys";
import { newMasterKey } from "@posthaste/core/storage/sealed/key-ring";
import { pino } from "pino";
import {
  ConfigError,
  dataText,
  databaseText,
  masterKeysFileText,
  masterKeysText,
  parseDatabase,
} from "./config.ts";
import { randomText } from "./issue.ts";
import { addMasterKey, findRing } from "./master-keys.ts";
import { openPlain } from "./open-store.ts";

export { ConfigError } from "./config.ts";

const SILENT = pino({ level: "silent" });

/** A new master key, as one line. */
export function newKey(): string {
  return newMasterKey(systemRuntime(SILENT).random);
}

/** A new operator's key, as one line; nothing is stored of it. */
export function newOperatorKey(): string {
  return operatorText(randomText(systemRuntime(SILENT)));
}

/**
 * Encrypts the data keys of a database with the first master key of its ring, and says so in one sentence. Where the
 * ring is the file beside an SQLite database, a new key is made first and put in front of the others.
 */
export async function rotateKeys(args: readonly string[]): Promise<string> {
  const config = read(args);
  const source = findRing(config);
  if (source.ring === null || (source.file !== null && !existsSync(config.data))) {
    throw new ConfigError(`${config.data} has no master keys: nothing was started there yet.`);
  }
  const runtime = systemRuntime(SILENT);
  const store = await openPlain(config, { log: SILENT, onFatal: () => undefined });
  try {
    // Whether the present ring opens everything, before a key is added to it.
    for (const key of await store.dataKeys.list()) source.ring.unwrap(key).fill(0);
    const ring = source.file === null ? source.ring : addMasterKey(source.file, runtime.random);
    const { rewrapped, retired } = await rewrapDataKeys(store.dataKeys, { ring, runtime });
    if (rewrapped === 0)
      return `Everything is encrypted with the first master key, ${ring.firstId}, already.`;
    return (
      `${rewrapped} data keys are now encrypted with the master key ${ring.firstId}. ` +
      `This database needs ${retired.join(", ")} no longer; backups made until now do. Copy the ring elsewhere again.`
    );
  } finally {
    await store.close();
  }
}

function read(args: readonly string[]) {
  const values = parse(args);
  return {
    data: dataText(values.data),
    database: parseDatabase(databaseText(values.database)),
    masterKeys: masterKeysText(),
    masterKeysFile: masterKeysFileText(values["master-keys-file"]),
  };
}

function parse(args: readonly string[]) {
  try {
    const options = {
      data: { type: "string" },
      database: { type: "string" },
      "master-keys-file": { type: "string" },
    } as const;
    return parseArgs({ args: [...args], options }).values;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError(`${reason.split(". To specify")[0]} — see: posthaste keys --help`);
  }
}

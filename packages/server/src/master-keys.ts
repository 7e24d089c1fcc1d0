import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { Random } from "@posthaste/core/runtime/runtime";
import { KeyRing, newMasterKey, SealError } from "@posthaste/core/storage/sealed/key-ring";
import { type Config, ConfigError } from "./config.ts";

/** Lies beside the SQLite database when the operator gives no ring. */
const FILE = "master-keys";

/** Where the ring of master keys comes from, before anything is opened. */
export interface RingSource {
  /** The ring, or null where a first start may make it. Throws a ConfigError for one that cannot be read. */
  readonly ring: KeyRing | null;
  /** The file that a first start makes; null when the ring is the operator's own. */
  readonly file: string | null;
}

type RingConfig = Pick<Config, "database" | "data" | "masterKeys" | "masterKeysFile">;

/** POSTHASTE_MASTER_KEYS, else --master-keys-file, else the file beside an SQLite database. */
export function findRing({ database, data, masterKeys, masterKeysFile }: RingConfig): RingSource {
  if (masterKeys !== null) return { ring: parse(masterKeys, "POSTHASTE_MASTER_KEYS"), file: null };
  if (masterKeysFile !== null) return { ring: read(masterKeysFile), file: null };
  if (database !== null) {
    throw new ConfigError(
      'Every node of a shared database needs the same master keys: set POSTHASTE_MASTER_KEYS, or --master-keys-file FILE. "posthaste keys new" makes one.',
    );
  }
  const file = join(data, FILE);
  return { ring: existsSync(file) ? read(file) : null, file };
}

/** The ring of a database: a new one, in its file, only where nothing is encrypted yet. */
export function ringFor(
  { ring, file }: RingSource,
  { encrypted, random }: { encrypted: boolean; random: Random },
): { ring: KeyRing; made: string | null } {
  if (ring !== null) return { ring, made: null };
  if (encrypted || file === null) {
    throw new ConfigError(
      `The secrets in this database are encrypted, and their master keys are missing: put back ${file ?? "the ring"} from its copy, or set POSTHASTE_MASTER_KEYS. Nothing was changed.`,
    );
  }
  const text = `# Posthaste's master keys: they open the secrets in the database beside this file. Keep a copy elsewhere.\n${newMasterKey(random)}\n`;
  writeRing(file, text, { replace: false });
  return { ring: KeyRing.parse(text), made: file };
}

/** Puts a new key in front of those of a file; the others stay, so that everything still opens. */
export function addMasterKey(file: string, random: Random): KeyRing {
  const text = `${newMasterKey(random)}\n${readFileSync(file, "utf8")}`;
  const ring = parse(text, file);
  writeRing(file, text, { replace: true });
  return ring;
}

/** On disk before it returns: nothing may be encrypted with a key that a power cut takes away. */
function writeRing(file: string, text: string, { replace }: { replace: boolean }): void {
  const folder = dirname(file);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = replace ? `${file}.new` : file;
  const handle = openSync(path, replace ? "w" : "wx", 0o600);
  try {
    writeSync(handle, text);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  if (replace) renameSync(path, file);
  const directory = openSync(folder, "r");
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

function read(file: string): KeyRing {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new ConfigError(`The master keys in ${file} cannot be read (${String(error)}).`);
  }
  return parse(text, file);
}

function parse(text: string, place: string): KeyRing {
  try {
    return KeyRing.parse(text);
  } catch (error) {
    if (error instanceof SealError) throw new ConfigError(`${place}: ${error.message}`);
    throw error;
  }
}

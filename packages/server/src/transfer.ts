import { createReadStream, createWriteStream } from "node:fs";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { parseArgs } from "node:util";
import { importPostgres, type ImportCounts } from "@posthaste/core/storage/postgres/import";
import { exportSqlite } from "@posthaste/core/storage/sqlite/export";
import { readLines, writeLines } from "@posthaste/core/storage/transfer/file";
import { ConfigError, dataText, databaseText, parseDatabase, variableName } from "./config.ts";

export { ConfigError } from "./config.ts";

/**
 * Writes everything a data directory (`--data`) holds as JSON lines, to `--output` or to `otherwise`. The server on it
 * has to be stopped. A file must not exist yet; it is readable by its owner only, as it holds payloads.
 */
export async function exportData(
  args: readonly string[],
  otherwise: Writable,
): Promise<{ data: string; output: string | null }> {
  const { data: folder, output = null } = read("export", args, {
    data: { type: "string" },
    output: { type: "string" },
  });
  const data = dataText(folder);
  const to = output === null ? otherwise : createWriteStream(output, { flags: "wx", mode: 0o600 });
  if (output !== null) await once(to, "open");
  for await (const line of writeLines(exportSqlite(data))) {
    // As fast as the reader takes it: an export may be far larger than memory.
    if (!to.write(line)) await once(to, "drain");
  }
  if (output !== null) {
    to.end();
    await once(to, "close");
  }
  return { data, output };
}

/** Reads an export, from `--input` or from `otherwise`, into an empty PostgreSQL database (`--database`): all of it, or nothing. */
export async function importData(args: readonly string[], otherwise: Readable): Promise<ImportCounts> {
  const { database, input = null } = read("import", args, {
    database: { type: "string" },
    input: { type: "string" },
  });
  const url = parseDatabase(databaseText(database));
  if (url === null)
    throw new ConfigError(`Which database? Give --database URL or ${variableName("database")}.`);
  const from = input === null ? otherwise : createReadStream(input);
  if (input !== null) await once(from, "open");
  return importPostgres({ url, rows: readLines(linesOf(from)) });
}

/** Begins to read when the first line is asked for: lines that come before anyone listens would be lost. */
async function* linesOf(input: Readable): AsyncGenerator<string> {
  yield* createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
}

function read<Name extends string>(
  command: string,
  args: readonly string[],
  options: Readonly<Record<Name, { type: "string" }>>,
): Partial<Record<Name, string>> {
  try {
    return parseArgs({ args: [...args], options }).values;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError(`${reason.split(". To specify")[0]} — see: posthaste ${command} --help`);
  }
}

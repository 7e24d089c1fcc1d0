import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { importPostgres, type ImportCounts } from "@posthaste/core/storage/postgres/import";
import { exportSqlite } from "@posthaste/core/storage/sqlite/export";
import { readLines, writeLines } from "@posthaste/core/storage/transfer/file";

export { TransferError } from "@posthaste/core/storage/transfer/file";
export type { ImportCounts } from "@posthaste/core/storage/postgres/import";

/** Writes everything a data directory holds as JSON lines. The server on it has to be stopped. */
export async function exportData({ data, output }: { data: string; output: Writable }): Promise<void> {
  for await (const line of writeLines(exportSqlite(data))) {
    // As fast as the reader takes it: an export may be far larger than memory.
    if (!output.write(line)) await once(output, "drain");
  }
}

/** Reads what `exportData` wrote into an empty PostgreSQL database: all of it, or nothing. */
export function importData({ database, input }: { database: string; input: Readable }): Promise<ImportCounts> {
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  return importPostgres({ url: database, rows: readLines(lines) });
}

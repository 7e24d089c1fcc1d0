import type * as Transfer from "@posthaste/server/transfer";
import { EXIT_USAGE } from "../exit-codes.ts";

const EXPORT_USAGE = `posthaste export — everything a data directory holds, as JSON lines; stop its server first

  --data DIR       folder of the SQLite database (posthaste-data), or the variable POSTHASTE_DATA
  --output FILE    a new file to write to (the standard output)

Secrets stay encrypted: whoever starts on them needs the same master keys (posthaste keys --help).
Into PostgreSQL in one step: posthaste export --data DIR | posthaste import --database URL`;

const IMPORT_USAGE = `posthaste import — what posthaste export wrote, into an empty PostgreSQL database: all of it, or nothing

  --database URL   postgres://user:password@host:5432/name, or the variable POSTHASTE_DATABASE
  --input FILE     the export (the standard input)`;

/** `posthaste export`. Sentences go to the standard error: the standard output may be the file. */
export async function exportCommand(args: readonly string[]): Promise<void> {
  if (wantsHelp(args)) return console.log(EXPORT_USAGE);
  await orFail(async ({ exportData }) => {
    const { data, output } = await exportData(args, process.stdout);
    console.error(
      `posthaste: exported ${data}${output === null ? "" : ` to ${output}`}. It holds payloads: keep it safe.`,
    );
  });
}

/** `posthaste import`: prints how many rows of each table there are now. */
export async function importCommand(args: readonly string[]): Promise<void> {
  if (wantsHelp(args)) return console.log(IMPORT_USAGE);
  await orFail(async ({ importData }) => {
    const counts = Object.entries(await importData(args, process.stdin));
    const rows = counts.map(
      ([table, count]) => `  ${table.padEnd(14)}${count.toLocaleString("en").padStart(12)}`,
    );
    console.log(["Imported, rows of each table:", ...rows].join("\n"));
  });
}

function wantsHelp(args: readonly string[]): boolean {
  return args.includes("--help") || args.includes("-h");
}

async function orFail(work: (server: typeof Transfer) => Promise<void>): Promise<void> {
  const server = await import("@posthaste/server/transfer");
  try {
    await work(server);
  } catch (error) {
    console.error(`posthaste: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = error instanceof server.ConfigError ? EXIT_USAGE : 1;
  }
}

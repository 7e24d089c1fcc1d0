import { createReadStream, createWriteStream } from "node:fs";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";

const USAGE = `posthaste export — everything a data directory holds, as JSON lines

  --data DIR        folder of the SQLite database (posthaste-data)
                    POSTHASTE_DATA
  --output FILE     where to write (the standard output)

posthaste import — an export into an empty PostgreSQL database: all of it, or nothing

  --database URL    postgres://user:password@host:5432/name
                    POSTHASTE_DATABASE
  --input FILE      what posthaste export wrote (the standard input)

In one step: posthaste export --data DIR | posthaste import --database URL
`;

/** `posthaste export`. Sentences go to the standard error: the standard output may be the file. */
export async function exportCommand(args: readonly string[]): Promise<void> {
  const { exportData, loadTransferConfig } = await import("@posthaste/server");
  if (wantsHelp(args)) return console.log(USAGE);
  await orExit(async () => {
    const { data, output: file } = loadTransferConfig("export", args);
    const output: Writable = file === null ? process.stdout : createWriteStream(file, { flags: "wx", mode: 0o600 });
    if (file !== null) await once(output, "open");
    await exportData({ data, output });
    if (file !== null) {
      output.end();
      await once(output, "close");
    }
    console.error(`posthaste: exported ${data}${file === null ? "" : ` to ${file}`}. It holds secrets: keep it safe.`);
  });
}

/** `posthaste import`. */
export async function importCommand(args: readonly string[]): Promise<void> {
  const { importData, loadTransferConfig } = await import("@posthaste/server");
  if (wantsHelp(args)) return console.log(USAGE);
  await orExit(async () => {
    const { database, input: file } = loadTransferConfig("import", args);
    const input: Readable = file === null ? process.stdin : createReadStream(file);
    if (file !== null) await once(input, "open");
    const counts = await importData({ database, input });
    const rows = Object.entries(counts).map(([table, count]) => `  ${table.padEnd(14)}${count.toLocaleString("en")}`);
    console.log(["Imported, rows of each table:", ...rows].join("\n"));
  });
}

function wantsHelp(args: readonly string[]): boolean {
  return args.includes("--help") || args.includes("-h");
}

async function orExit(work: () => Promise<void>): Promise<void> {
  const { ConfigError } = await import("@posthaste/server");
  try {
    await work();
  } catch (error) {
    console.error(`posthaste: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(error instanceof ConfigError ? EXIT_USAGE : 1);
  }
}

/** After sysexits.h. */
const EXIT_USAGE = 64;

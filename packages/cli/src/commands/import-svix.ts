import { EXIT_PARTLY, EXIT_USAGE } from "../exit-codes.ts";

const USAGE = `posthaste import svix — copies what Svix has into a running Posthaste, over both APIs

  --url URL         Svix: https://api.eu.svix.com, https://api.us.svix.com, or your own server
  --token TOKEN     an API token of Svix; better the variable SVIX_TOKEN: process lists show flags
  --to URL          Posthaste (http://127.0.0.1:8071)
  --api-key KEY     a key of the environment to copy into; better the variable POSTHASTE_API_KEY
  --dry-run         compare and report, change nothing

Event types, applications, and endpoints with their secrets, headers and transformations. Things are told apart by their
uid; one without gets svix- and its id. Safe to run again: what differs is changed, what is as before is left alone, nothing
is deleted. It waits when a server asks for that (429, Retry-After).

It ends with 0 when everything was copied, with ${EXIT_PARTLY} when the report names something that was not, with 1 when it stopped.`;

/** `posthaste import svix`: the report on the standard output, progress on the standard error. */
export async function importSvixCommand(args: readonly string[]): Promise<void> {
  if (args.includes("--help") || args.includes("-h")) return console.log(USAGE);
  const { ConfigError, importSvix, readSvixImport } = await import("@posthaste/server/import-svix");
  try {
    const options = readSvixImport(args);
    const report = await importSvix(options, {
      onProgress: (sentence) => console.error(`posthaste: ${sentence}`),
    });
    if (options.dryRun) console.log("Nothing was changed. This is what would be:");
    console.log(report.toText());
    if (report.notes.length > 0) process.exitCode = EXIT_PARTLY;
  } catch (error) {
    console.error(`posthaste: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = error instanceof ConfigError ? EXIT_USAGE : 1;
  }
}

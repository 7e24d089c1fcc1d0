import { EXIT_USAGE } from "../exit-codes.ts";

const USAGE = `posthaste migrate --database URL — bring a PostgreSQL database to this program's schema

  --database URL   postgres://user:password@host:5432/name, or the variable POSTHASTE_DATABASE

An empty database is set up. A newer schema than this program's is refused, unchanged.`;

/** `posthaste migrate`: prints what it did in one sentence; exit code 0 also when there was nothing to do. */
export async function migrate(args: readonly string[]): Promise<void> {
  if (args.includes("--help") || args.includes("-h")) return console.log(USAGE);
  const server = await import("@posthaste/server/migrate");
  try {
    console.log(await server.migrate(args));
  } catch (error) {
    console.error(`posthaste: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = error instanceof server.ConfigError ? EXIT_USAGE : 1;
  }
}

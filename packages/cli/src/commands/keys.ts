import { EXIT_USAGE } from "../exit-codes.ts";

const USAGE = `posthaste keys — the master keys that secrets in the database are encrypted with, and the operator's key

  posthaste keys operator                  prints a new operator's key, for the variable POSTHASTE_OPERATOR_KEY of
                                           every node: who has it makes, renames and deletes environments
  posthaste keys new                       prints a new master key
  posthaste keys rotate --data DIR         SQLite (stop its server first): makes a new one and encrypts with it
  posthaste keys rotate --database URL     encrypts with the first one of the ring; nodes may be running

  --master-keys-file FILE   the ring, one key a line, the first encrypts; or the variable POSTHASTE_MASTER_KEYS
                            (SQLite without either: the file master-keys in the data folder)`;

/** `posthaste keys`: prints the key, or what it did in one sentence. */
export async function keys([verb, ...args]: readonly string[]): Promise<void> {
  const server = await import("@posthaste/server/keys");
  try {
    if (args.includes("--help") || args.includes("-h") || verb === undefined || verb.startsWith("-"))
      console.log(USAGE);
    else if (verb === "new") console.log(server.newKey());
    else if (verb === "operator") console.log(server.newOperatorKey());
    else if (verb === "rotate") console.log(await server.rotateKeys(args));
    else
      throw new server.ConfigError(
        `keys ${verb} is not there: write keys new, keys rotate or keys operator.`,
      );
  } catch (error) {
    console.error(`posthaste: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = error instanceof server.ConfigError ? EXIT_USAGE : 1;
  }
}

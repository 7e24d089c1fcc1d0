import { importSvixCommand } from "./commands/import-svix.ts";
import { keys } from "./commands/keys.ts";
import { migrate } from "./commands/migrate.ts";
import { exportCommand, importCommand } from "./commands/transfer.ts";
import { start } from "./commands/start.ts";

const USAGE = `posthaste — webhooks at full speed for creator businesses

  posthaste start [flags]             run the server      (posthaste start --help lists the flags)
  posthaste migrate --database URL    bring a PostgreSQL database to this program's schema
  posthaste keys new | rotate         the keys that secrets are encrypted with (posthaste keys --help)
  posthaste keys operator             a key by which environments are managed
  posthaste export --data DIR         everything of an SQLite data folder, as JSON lines
  posthaste import --database URL     an export into an empty PostgreSQL database
  posthaste import svix --url URL     what Svix has into a running server (posthaste import svix --help)
`;

const [command, ...args] = process.argv.slice(2);
switch (command) {
  case "start":
    await start(args);
    break;
  case "migrate":
    await migrate(args);
    break;
  case "keys":
    await keys(args);
    break;
  case "export":
    await exportCommand(args);
    break;
  case "import":
    await (args[0] === "svix" ? importSvixCommand(args.slice(1)) : importCommand(args));
    break;
  case undefined:
  case "help":
  case "--help":
    console.log(USAGE);
    break;
  default:
    console.error(`posthaste: there is no command "${command}".\n\n${USAGE}`);
    process.exitCode = 2;
}

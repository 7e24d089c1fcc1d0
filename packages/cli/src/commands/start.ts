import type { Config, NewKey, RunningServer } from "@posthaste/server";
import { EXIT_SOFTWARE, EXIT_USAGE } from "../exit-codes.ts";

/** `posthaste start`: runs the server until SIGINT or SIGTERM; a second signal ends it at once. */
export async function start(args: readonly string[]): Promise<void> {
  const { ConfigError, loadConfig, startServer } = await import("@posthaste/server");
  if (args.includes("--help") || args.includes("-h")) return console.log(await usage());
  try {
    const config = loadConfig(args);
    const server = await startServer(config, { onFatal: () => process.exit(EXIT_SOFTWARE) });
    stopOnSignal(server);
    const { redactDatabase } = await import("@posthaste/server");
    const place = config.database === null ? config.data : placeOf(redactDatabase(config.database));
    console.log(greeting(server, config, place));
  } catch (error) {
    const expected = error instanceof ConfigError;
    console.error(`posthaste: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(expected ? EXIT_USAGE : 1);
  }
}

function stopOnSignal(server: RunningServer): void {
  let signals = 0;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      signals += 1;
      if (signals > 1) process.exit(1);
      server.stop().then(
        () => process.exit(0),
        (error: unknown) => {
          console.error(`posthaste: ${String(error)}`);
          process.exit(1);
        },
      );
    });
  }
}

function placeOf({ database, host, port }: Record<"database" | "host" | "port", string>): string {
  return `${database} at ${host}:${port}`;
}

function greeting({ url, newKeys, newMasterKeys }: RunningServer, config: Config, place: string): string {
  const lines = ["", `Posthaste listens on ${url}, data in ${place}`];
  if (config.role === "worker") return `${[...lines, "", "This node only sends."].join("\n")}\n`;
  if (newMasterKeys !== null) {
    lines.push(
      "",
      `The secrets in the database open only with ${newMasterKeys}: keep a copy of that file elsewhere.`,
    );
  }
  // A key that was given is known to whoever gave it, and what is printed here ends in logs.
  const given = config.apiKey === null ? null : "$POSTHASTE_API_KEY";
  const live = newKeys.find(({ environment }) => environment === "live")?.key ?? given;
  if (newKeys.length > 0) lines.push("", "API keys, shown this once:", ...newKeys.map(keyLine));
  else if (!config.apiKey) {
    lines.push("", "The keys were shown at the first start. For another one: --api-key phk_live_…");
  }
  if (live !== null) lines.push("", "Try it:", "", firstCurl(url, live));
  return `${lines.join("\n")}\n`;
}

function keyLine({ environment, key }: NewKey): string {
  return `  ${environment.padEnd(8)} ${key}`;
}

function firstCurl(url: string, key: string): string {
  return [
    `curl -X POST '${url}/api/v1/app?get_if_exists=true' \\`,
    `  -H "Authorization: Bearer ${key}" \\`,
    `  -H 'Content-Type: application/json' \\`,
    `  -d '{"name": "Yoga with Ana", "uid": "ana"}'`,
  ].join("\n");
}

async function usage(): Promise<string> {
  const { FLAGS, variableName } = await import("@posthaste/server");
  const rows = Object.entries(FLAGS).map(([name, { value, help, default: fallback }]) => [
    `  --${name}${value === "" ? "" : ` ${value}`}`,
    `${help} (${fallback})`,
    variableName(name),
  ]);
  const width = Math.max(...rows.map(([flag = ""]) => flag.length)) + 2;
  return [
    "posthaste start — run the server; every flag is also an environment variable\n",
    ...rows.map(
      ([flag = "", help, variable]) => `${flag.padEnd(width)}${help}\n${" ".repeat(width)}${variable}`,
    ),
    "\nWithout a flag, as process lists show those: POSTHASTE_OPERATOR_KEY, by which environments are managed, and" +
      "\nPOSTHASTE_MASTER_KEYS. posthaste keys --help says more.",
  ].join("\n");
}

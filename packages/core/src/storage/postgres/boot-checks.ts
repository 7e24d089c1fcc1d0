import type { Database } from "./database.ts";
import { codeOf } from "./failure.ts";
import { listMigrations, readSchema } from "./migrate.ts";
import { statement } from "./statement.ts";

const SERVER_VERSION_MIN = 150_000;

type Settings = [
  serverVersion: number,
  fsync: string,
  fullPageWrites: string,
  readOnly: string,
  inRecovery: boolean,
  encoding: string,
  freeConnections: number,
];

const readSettings = statement<Settings>(
  "boot.settings",
  `SELECT current_setting('server_version_num')::integer, current_setting('fsync'),
     current_setting('full_page_writes'), current_setting('transaction_read_only'), pg_is_in_recovery(),
     current_setting('server_encoding'),
     (current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer
       - (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' OR backend_type IS NULL))::integer`,
);

/**
 * Whether the promise can be kept on this server, before anything is changed in the database. Rejects with one
 * sentence that says what to change.
 */
export async function checkServer(
  { lists }: Database,
  { url, connections, onProblem }: { url: string; connections: number; onProblem: (error: Error) => void },
): Promise<void> {
  const { rows } = await lists.query(readSettings, []).catch((error: unknown) => {
    throw cannotConnect(error, url);
  });
  const [settings] = rows;
  if (settings === undefined) throw new Error("The database did not tell its settings.");
  const problem = problemOf(settings);
  if (problem !== null) throw new Error(problem);
  const [, , , , , , freeConnections] = settings;
  // This one is counted as taken already.
  if (freeConnections + 1 < connections) {
    onProblem(
      new Error(
        `This process may open ${connections} connections to the database, which has room for ` +
          `${freeConnections + 1} more: raise its max_connections or lower the connections of this process.`,
      ),
    );
  }
}

function problemOf(settings: Settings): string | null {
  const [serverVersion, fsync, fullPageWrites, readOnly, inRecovery, encoding] = settings;
  if (serverVersion < SERVER_VERSION_MIN) {
    return `The server is PostgreSQL ${Math.floor(serverVersion / 10_000)}: version 15 or newer is needed.`;
  }
  if (fsync !== "on") return 'The server runs with "fsync = off" and would lose data: set it to "on".';
  if (fullPageWrites !== "on") {
    return 'The server runs with "full_page_writes = off" and may lose data at a power cut: set it to "on".';
  }
  if (inRecovery) return "The server is a standby that only reads: give the address of the primary.";
  if (readOnly !== "off") {
    return 'The database only lets this user read: set "default_transaction_read_only" to "off" for it.';
  }
  if (encoding !== "UTF8") {
    return `The database has the encoding ${encoding}: make one with "createdb --encoding=UTF8 --template=template0".`;
  }
  return null;
}

/** What to change for each reason that a server has for turning a connection away. */
function cannotConnect(error: unknown, url: string): Error {
  const { host, database, user } = placeOf(url);
  const said = error instanceof Error ? error.message : String(error);
  const sentences: Record<string, string> = {
    "28P01": `The database refuses the password of "${user}": correct it in the database URL.`,
    "28000": `The database does not let "${user}" in from here: correct the URL or the server's pg_hba.conf.`,
    "3D000": `There is no database "${database}" on ${host}: make it with "createdb --encoding=UTF8 ${database}".`,
    "53300": `The database on ${host} has no connection left: raise its max_connections.`,
    "57P03": `The database on ${host} is starting up or shutting down: try again when it is ready.`,
  };
  const sentence =
    sentences[codeOf(error) ?? ""] ??
    `Cannot connect to the database on ${host} (${said}): start it, or correct the database URL.`;
  return new Error(sentence, { cause: error });
}

/** What may be shown of a URL: never its password. */
function placeOf(url: string): { host: string; database: string; user: string } {
  if (!URL.canParse(url)) return { host: "its server", database: "", user: "" };
  const { host, pathname, username } = new URL(url);
  return {
    host: host === "" ? "this machine" : host,
    database: decodeURIComponent(pathname.slice(1)),
    user: decodeURIComponent(username),
  };
}

/** `empty`: has none of our tables yet. Rejects where this program cannot work on the schema. */
export async function checkSchema({ lists }: Database): Promise<"empty" | "ready"> {
  const schema = await readSchema(lists);
  if (schema === null) return "empty";
  const newest = listMigrations().at(-1)?.version ?? 0;
  if (schema.version < newest) {
    throw new Error(
      `The database has schema ${schema.version}, this program needs ${newest}: run "posthaste migrate".`,
    );
  }
  if (schema.version > newest && schema.servesFrom > newest) {
    throw new Error(
      `The database has schema ${schema.version}, which needs a program that knows schema ` +
        `${schema.servesFrom}; this one knows up to ${newest}. Run the newer program.`,
    );
  }
  return "ready";
}

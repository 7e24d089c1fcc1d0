import {
  TRANSFER_TABLES,
  type ColumnKind,
  type TransferRow,
  type TransferTable,
  type TransferValue,
} from "../transfer/tables.ts";
import { bigintArray, booleanArray, byteaArray, textArray } from "./arrays.ts";
import { type Connection, openMigrationPool } from "./database.ts";
import { migratePostgres } from "./migrate.ts";
import { PartitionKeeper } from "./partitions.ts";
import { statement, type Statement } from "./statement.ts";

/** Rows, or bytes of them, that one statement inserts. */
const IMPORT_ROWS = 500;
const IMPORT_BYTES = 4 * 1_048_576;

/** Rows of each table that were imported. */
export type ImportCounts = Readonly<Record<string, number>>;

const isUsed = statement<[boolean]>("import.is_used", "SELECT EXISTS (SELECT 1 FROM environment)");
/** The source decides the pace, and it may be a person's pipe. */
const waitForSource = statement("import.wait", "SET LOCAL idle_in_transaction_session_timeout = 0");
/** What a node that starts meanwhile would also write: it waits, and then finds its environments there. */
const lockOut = statement("import.lock", "LOCK TABLE environment IN SHARE ROW EXCLUSIVE MODE");

/**
 * Takes an export into an empty database: all of it, or nothing. Its schema is made before, so that what is left of
 * an import that failed is a database that was set up and is still empty.
 */
export async function importPostgres({
  url,
  rows,
}: {
  url: string;
  rows: AsyncIterable<TransferRow>;
}): Promise<ImportCounts> {
  await migratePostgres({ url });
  // Two: one holds the transaction of the whole import, the other makes partitions beside it.
  const pool = openMigrationPool(url);
  const partitionPool = openMigrationPool(url);
  const partitions = new PartitionKeeper(partitionPool, { onProblem: () => undefined });
  try {
    return await pool.transaction((connection) =>
      importRows(new Importer(connection, partitions), { connection, rows }),
    );
  } finally {
    await partitions.idle();
    await Promise.all([pool.close(), partitionPool.close()]);
  }
}

async function importRows(
  importer: Importer,
  { connection, rows }: { connection: Connection; rows: AsyncIterable<TransferRow> },
): Promise<ImportCounts> {
  await connection.query(waitForSource, []);
  await connection.query(lockOut, []);
  const [used] = (await connection.query(isUsed, [])).rows;
  if (used?.[0] === true) {
    throw new Error(
      "The database is in use already: it has environments. Import into an empty one, before its first start.",
    );
  }
  for await (const row of rows) await importer.add(row);
  await importer.flush();
  return importer.counts;
}

class Importer {
  readonly counts: Record<string, number> = {};
  readonly #connection: Connection;
  readonly #partitions: PartitionKeeper;
  #table = "";
  #rows: (readonly TransferValue[])[] = [];
  #bytes = 0;

  constructor(connection: Connection, partitions: PartitionKeeper) {
    this.#connection = connection;
    this.#partitions = partitions;
  }

  async add({ table, values }: TransferRow): Promise<void> {
    if (table !== this.#table || this.#rows.length >= IMPORT_ROWS || this.#bytes >= IMPORT_BYTES)
      await this.flush();
    this.#table = table;
    this.#rows.push(values);
    for (const value of values) {
      if (typeof value === "string" || value instanceof Uint8Array) this.#bytes += value.length;
    }
  }

  async flush(): Promise<void> {
    const rows = this.#rows;
    if (rows.length === 0) return;
    this.#rows = [];
    this.#bytes = 0;
    const insert = INSERTS.get(this.#table);
    if (insert === undefined) throw new Error(`there is no table ${this.#table} to import into`);
    if (insert.idColumn !== null) {
      const ids = rows.map((values) => String(values[insert.idColumn ?? 0]));
      const isMessage = this.#table === "message";
      await this.#partitions.ensureFor({ message: isMessage ? ids : [], attempt: isMessage ? [] : ids });
    }
    const parameters = insert.columns.map(({ kind, at }) =>
      encode(
        kind,
        rows.map((values) => values[at] ?? null),
      ),
    );
    for (const one of insert.statements) await this.#connection.query(one, parameters);
    this.counts[this.#table] = (this.counts[this.#table] ?? 0) + rows.length;
  }
}

interface Insert {
  readonly columns: readonly { readonly kind: Parameter; readonly at: number }[];
  readonly statements: readonly Statement[];
  /** Where the id stands that tells the day; null for tables without days. */
  readonly idColumn: number | null;
}

type Parameter = Exclude<ColumnKind, "body"> | "body_text" | "body_bytes";

const ARRAY_TYPE: Readonly<Record<Parameter, string>> = {
  text: "text[]",
  json: "text[]",
  list: "text[]",
  body_text: "text[]",
  body_bytes: "bytea[]",
  integer: "bigint[]",
  boolean: "boolean[]",
};

/** A list comes as JSON, because an array of arrays would have to be rectangular. */
const LIST_OF = (column: string): string =>
  `CASE WHEN ${column} IS NULL THEN NULL ELSE ARRAY(SELECT jsonb_array_elements_text(${column}::jsonb)) END`;

/** Everything but lists is taken over as it is; integers fit because they came out of columns of the same width. */
function insertOf(table: TransferTable): Insert {
  const columns = table.columns.flatMap(([name, kind], at): { name: string; kind: Parameter; at: number }[] =>
    kind === "body"
      ? [
          { name: "response_text", kind: "body_text", at },
          { name: "response_bytes", kind: "body_bytes", at },
        ]
      : [{ name, kind, at }],
  );
  const names = columns.map(({ name }) => name);
  const values = columns.map(({ name, kind }) => (kind === "list" ? LIST_OF(`r.${name}`) : `r.${name}`));
  const source = `unnest(${columns.map(({ kind }, index) => `$${index + 1}::${ARRAY_TYPE[kind]}`).join(", ")})
    AS r (${names.join(", ")})`;
  const insert = (into: string[], select: string[], rest = ""): Statement =>
    statement(
      `import.${table.name}`,
      `INSERT INTO ${table.name} (${into.join(", ")}) SELECT ${select.join(", ")} FROM ${source}${rest}`,
    );
  const days = table.name === "message" || table.name === "attempt";
  return {
    columns,
    statements: statementsOf(table.name, { names, values, source, insert }),
    idColumn: days ? names.indexOf("id") : null,
  };
}

function statementsOf(
  table: string,
  parts: {
    names: string[];
    values: string[];
    source: string;
    insert: (into: string[], select: string[], rest?: string) => Statement;
  },
): Statement[] {
  const { names, values, source, insert } = parts;
  // The scope is a hash that includes the environment, so only the right one of them ever asks for it.
  if (table === "idempotency") {
    return [insert(["environment_id", ...names], ["environment.id", ...values], " CROSS JOIN environment")];
  }
  // One process made the ids, so they tell the order of FIFO deliveries.
  if (table === "due") return [insert(["ord", ...names], ["0", ...values])];
  if (table !== "message") return [insert(names, values)];
  const events = statement(
    "import.message_event",
    `INSERT INTO message_event (app_id, event_id, message_id)
     SELECT r.app_id, r.event_id, r.id FROM ${source} WHERE r.event_id IS NOT NULL`,
  );
  return [insert(names, values), events];
}

const INSERTS: ReadonlyMap<string, Insert> = new Map(
  TRANSFER_TABLES.map((table) => [table.name, insertOf(table)]),
);

function encode(kind: Parameter, values: readonly TransferValue[]): Buffer {
  if (kind === "integer")
    return bigintArray(values.map((value) => (typeof value === "number" ? value : null)));
  if (kind === "boolean") return booleanArray(values.map((value) => value === true));
  if (kind === "body_bytes")
    return byteaArray(values.map((value) => (value instanceof Uint8Array ? value : null)));
  if (kind === "list")
    return textArray(values.map((value) => (value === null ? null : JSON.stringify(value))));
  return textArray(values.map((value) => (typeof value === "string" ? value : null)));
}

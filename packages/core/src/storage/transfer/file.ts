import {
  TRANSFER_TABLES,
  TRANSFER_VERSION,
  type ColumnKind,
  type TransferRow,
  type TransferTable,
  type TransferValue,
} from "./tables.ts";

/**
 * The file of `posthaste export`: JSON lines. The first says what it is, then comes one line a row
 * (`["message", …values]`), and the last counts the rows of each table: a file that was cut short has no last line.
 */
type Counts = Record<string, number>;

/** A file that cannot be imported: what is wrong with it, and where. */
export class TransferError extends Error {
  override readonly name = "TransferError";
}

/** Rows → lines, each with its line break. */
export async function* writeLines(rows: AsyncIterable<TransferRow>): AsyncGenerator<string> {
  yield `${JSON.stringify({ posthaste: "export", version: TRANSFER_VERSION })}\n`;
  const counts: Counts = {};
  for await (const { table, values } of rows) {
    counts[table] = (counts[table] ?? 0) + 1;
    yield `${JSON.stringify([table, ...values.map(toJson)])}\n`;
  }
  yield `${JSON.stringify({ rows: counts })}\n`;
}

/** Lines → rows. Throws a TransferError for anything but a whole file, at the latest when its end is missing. */
export async function* readLines(lines: AsyncIterable<string>): AsyncGenerator<TransferRow> {
  const counts: Counts = {};
  let number = 0;
  let ended = false;
  for await (const line of lines) {
    number += 1;
    const value = parse(line, number);
    if (number === 1) {
      assertHeader(value);
    } else if (ended) {
      throw new TransferError(`Line ${number}: there is more after the end of the export.`);
    } else if (Array.isArray(value)) {
      const row = toRow(value, number);
      counts[row.table] = (counts[row.table] ?? 0) + 1;
      yield row;
    } else {
      assertCounts(value, counts);
      ended = true;
    }
  }
  if (!ended)
    throw new TransferError("The file ends too early: it was cut short, or the export did not finish.");
}

function toJson(value: TransferValue): unknown {
  return value instanceof Uint8Array ? { base64: Buffer.from(value).toString("base64") } : value;
}

function parse(line: string, number: number): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw new TransferError(
      `Line ${number} is not JSON: this is not a file of posthaste export, or it is damaged.`,
    );
  }
}

function member(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null
    ? Object.entries(value).find(([key]) => key === name)?.[1]
    : undefined;
}

function assertHeader(value: unknown): void {
  if (member(value, "posthaste") !== "export")
    throw new TransferError("This is not a file of posthaste export.");
  const version = member(value, "version");
  if (version !== TRANSFER_VERSION) {
    throw new TransferError(
      `The file has version ${JSON.stringify(version)}, this program reads version ${TRANSFER_VERSION}. Import it with the program that wrote it, or a newer one.`,
    );
  }
}

function assertCounts(value: unknown, counted: Counts): void {
  const promised = member(value, "rows");
  for (const { name } of TRANSFER_TABLES) {
    const expected = member(promised, name) ?? 0;
    if (expected !== (counted[name] ?? 0)) {
      throw new TransferError(
        `The file has ${counted[name] ?? 0} rows of ${name} where its end says ${JSON.stringify(expected)}.`,
      );
    }
  }
}

const TABLES = new Map<unknown, TransferTable>(TRANSFER_TABLES.map((table) => [table.name, table]));

function toRow([name, ...values]: unknown[], number: number): TransferRow {
  const table = TABLES.get(name);
  if (table === undefined)
    throw new TransferError(`Line ${number}: there is no table ${JSON.stringify(name)}.`);
  const { columns, columnsAtLeast = columns.length } = table;
  if (values.length > columns.length || values.length < columnsAtLeast) {
    throw new TransferError(
      `Line ${number}: ${table.name} has ${table.columns.length} columns, not ${values.length}.`,
    );
  }
  return {
    table: table.name,
    values: table.columns.map(([column, kind], index) => {
      const value = fromJson(kind, values[index] ?? null);
      if (value === undefined)
        throw new TransferError(`Line ${number}: ${column} of ${table.name} is no ${kind}.`);
      return value;
    }),
  };
}

/** Undefined where the value does not fit. */
function fromJson(kind: ColumnKind, value: unknown): TransferValue | undefined {
  if (value === null) return null;
  if (kind === "integer") return Number.isSafeInteger(value) ? Number(value) : undefined;
  if (kind === "boolean") return typeof value === "boolean" ? value : undefined;
  if (kind === "list") return isTextList(value) ? value : undefined;
  if (typeof value === "string") return value;
  const base64 = kind === "body" ? member(value, "base64") : undefined;
  return typeof base64 === "string" ? Buffer.from(base64, "base64") : undefined;
}

function isTextList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

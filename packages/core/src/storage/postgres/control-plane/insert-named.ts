import { type IdempotentAnswer, type InsertResult, StoreUnavailable } from "../../port.ts";
import type { Connection, ConnectionPool } from "../database.ts";
import { writeOnce } from "./answers.ts";

/** The holder of a name may go between the insert it stopped and the look for it; not this often in a row. */
const TRIES = 10;

/**
 * Inserts something whose name (or uid) is unique by constraint: of several at once one gets it, the others wait
 * for that transaction and then find the holder. One that is gone by then leaves the name to the next try.
 */
export async function insertNamed<Entity>(
  pool: ConnectionPool,
  options: {
    answer: IdempotentAnswer | undefined;
    /** Whether it was inserted: false, the name was taken. */
    insert: (connection: Connection) => Promise<boolean>;
    findHolder: () => Promise<Entity | null>;
  },
): Promise<InsertResult<Entity>> {
  const { answer, insert, findHolder } = options;
  for (let tries = 0; tries < TRIES; tries++) {
    const inserted = await writeOnce(pool, { answer, work: insert, wrote: (done) => done });
    if (inserted) return { kind: "inserted" };
    const existing = await findHolder();
    if (existing !== null) return { kind: "conflict", existing };
  }
  throw new StoreUnavailable("The name is being taken and given up all the time.");
}

const UNIQUE_VIOLATION = "23505";

/** Whether an UPDATE was refused because of this unique index. */
export function isTaken(error: unknown, index: string): boolean {
  return (
    error instanceof Error &&
    "code" in error &&
    error.code === UNIQUE_VIOLATION &&
    "constraint" in error &&
    error.constraint === index
  );
}

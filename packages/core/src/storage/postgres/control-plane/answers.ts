import { IDEMPOTENCY_TTL_MS } from "../../../domain/limits.ts";
import { AlreadyAnswered, type IdempotentAnswer } from "../../port.ts";
import type { Connection, ConnectionPool } from "../database.ts";
import { statement } from "../statement.ts";

const findStatement = statement<
  [bodyHash: string, createdAt: number, statusCode: number | null, body: string | null]
>(
  "idempotency.find_answer",
  `SELECT body_hash, created_at, status_code, body FROM idempotency
   WHERE environment_id = $1 AND scope = $2 AND created_at > $3`,
);

/** Replaces a key that has expired. A key in use waits here for the transaction that is writing it. */
const rememberStatement = statement(
  "idempotency.remember_answer",
  `INSERT INTO idempotency (environment_id, scope, body_hash, created_at, message_id, status_code, body)
   VALUES ($1, $2, $3, $4, NULL, $5, $6)
   ON CONFLICT (environment_id, scope) DO UPDATE SET
     body_hash = excluded.body_hash, created_at = excluded.created_at, message_id = NULL,
     status_code = excluded.status_code, body = excluded.body
   WHERE idempotency.created_at <= $7`,
);

export async function findAnswer(
  connection: Connection,
  { environmentId, scope, now }: { environmentId: string; scope: string; now: number },
): Promise<IdempotentAnswer | null> {
  const { rows } = await connection.query(findStatement, [environmentId, scope, now - IDEMPOTENCY_TTL_MS]);
  const [row] = rows;
  if (row === undefined) return null;
  const [bodyHash, createdAt, statusCode, body] = row;
  // A message's key: its answer is the message.
  if (statusCode === null) return null;
  return { environmentId, scope, bodyHash, createdAt, statusCode, body: body ?? "" };
}

/**
 * One transaction for a write and the answer that is remembered of it. The key goes first: of two nodes that
 * answer the same request the second waits for the first, and then writes nothing. Every transaction of the
 * control plane locks in this order: key, application, endpoints by id.
 *
 * A result that `wrote` says no to rolls everything back, the key as well.
 */
export async function writeOnce<Result extends string | boolean>(
  pool: ConnectionPool,
  options: {
    answer: IdempotentAnswer | undefined;
    work: (connection: Connection) => Promise<Result>;
    wrote: (result: Result) => boolean;
  },
): Promise<Result> {
  const { answer, work, wrote } = options;
  const refused: Result[] = [];
  try {
    return await pool.transaction(async (connection) => {
      // Awaited, so that nothing of the work is on its way when the key turns out to be taken.
      if (answer !== undefined) await remember(connection, answer);
      const result = await work(connection);
      if (wrote(result)) return result;
      refused.push(result);
      throw new Error("nothing is to be written");
    });
  } catch (error) {
    const [result] = refused;
    if (result === undefined) throw error;
    return result;
  }
}

async function remember(connection: Connection, answer: IdempotentAnswer): Promise<void> {
  const { environmentId, scope, bodyHash, createdAt, statusCode, body } = answer;
  const expired = createdAt - IDEMPOTENCY_TTL_MS;
  const values = [environmentId, scope, bodyHash, createdAt, statusCode, body, expired];
  const { count } = await connection.query(rememberStatement, values);
  if (count === 0) throw new AlreadyAnswered("Another process has answered a request with this key.");
}

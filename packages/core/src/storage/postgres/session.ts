import type { ClientBase } from "pg";

/**
 * `fixed`: every statement has one plan that is right for any size of the tables (nested loops over index
 * lookups), made once on each connection. A plan that was chosen while a table was small must not be used on when
 * it is large, and to plan over a hundred partitions costs more than to read a page of one. `free`: migrations.
 */
export type Planning = "fixed" | "free";

/**
 * Whatever the server's defaults are, on our connections a commit waits for the disk: `off` does not, and `local`
 * passes over a synchronous standby that the operator has set up.
 */
const DURABLE = `set_config('synchronous_commit',
  CASE WHEN current_setting('synchronous_commit') IN ('off', 'local') THEN 'on'
    ELSE current_setting('synchronous_commit') END, false)`;

const FIXED_PLANS = ["enable_seqscan", "enable_hashjoin", "enable_mergejoin", "enable_bitmapscan", "jit"]
  .map((name) => `set_config('${name}', 'off', false)`)
  .join(", ");

/**
 * Names the time from one start of the server to its next, the restart by itself after a crash included. A crash
 * forgets the numbers of transactions of which nothing had reached the disk, and gives them out again: what it says
 * of a number is about ours only while it lives on. A crash begins the statistics anew, and another server, to which
 * a failover leads, has others. https://www.postgresql.org/docs/current/monitoring-stats.html
 */
export const SERVER_LIFE = `(
  SELECT concat(extract(epoch FROM pg_postmaster_start_time()), ' ', extract(epoch FROM stats_reset))
  FROM pg_stat_wal)`;

/** Names a session: the number of a process is given out again. Of a row of `pg_stat_activity`. */
export const SESSION = "concat(pid, ' ', extract(epoch FROM backend_start))";

/** By what a connection's session is found on another one. */
export interface Session {
  /** Of `SESSION`. */
  readonly name: string;
  /** Of `SERVER_LIFE`. */
  readonly life: string;
}

/** Sets what our statements take for granted on a connection that was just made. */
export async function prepareSession(client: ClientBase, planning: Planning): Promise<Session> {
  const settings =
    planning === "fixed"
      ? `${DURABLE}, ${FIXED_PLANS}, set_config('plan_cache_mode', 'force_generic_plan', false)`
      : DURABLE;
  const { rows } = await client.query<Session>(
    `SELECT ${settings}, ${SERVER_LIFE} AS life,
       (SELECT ${SESSION} FROM pg_stat_activity WHERE pid = pg_backend_pid()) AS name`,
  );
  const [{ name, life } = { name: "", life: "" }] = rows;
  return { name, life };
}

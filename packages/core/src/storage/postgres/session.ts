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

/** What our statements take for granted, set on each connection when it is made. */
export async function prepareSession(client: ClientBase, planning: Planning): Promise<void> {
  const settings =
    planning === "fixed"
      ? `${DURABLE}, ${FIXED_PLANS}, set_config('plan_cache_mode', 'force_generic_plan', false)`
      : DURABLE;
  await client.query(`SELECT ${settings}`);
}

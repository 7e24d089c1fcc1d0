/** A condition on a table with `environment_id`: of no environment that is deleted. There are few environments. */
export function inLiving(table: string): string {
  return `NOT EXISTS (SELECT 1 FROM environment AS gone WHERE gone.id = ${table}.environment_id AND gone.deleted)`;
}

import { ID_PREFIX } from "../domain/ids.ts";

/**
 * SQL that leaves out the application of an environment's operational endpoints, which nobody sees (its id is that of
 * the environment under another prefix, see `domain/operational.ts`). `table` is the prefix of its columns: "a.".
 */
export function ordinary(table = ""): string {
  const { application, environment } = ID_PREFIX;
  return `${table}id <> '${application}' || substr(${table}environment_id, ${environment.length + 1})`;
}

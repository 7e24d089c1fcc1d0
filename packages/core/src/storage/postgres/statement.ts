/** A statement that is prepared once on each connection, under its name. `Row`: the types of its columns, in order. */
export interface Statement<Row extends readonly unknown[] = readonly unknown[]> {
  readonly name: string;
  readonly text: string;
  /** Never there: it only carries the type. */
  readonly row?: Row;
}

const statements = new Map<string, Statement>();

/** Names a statement. A test reads them all: each has to lead with the application or the environment. */
export function statement<Row extends readonly unknown[] = readonly []>(
  name: string,
  text: string,
): Statement<Row> {
  if (statements.has(name)) throw new Error(`two statements are named ${name}`);
  const made: Statement<Row> = { name, text };
  statements.set(name, made);
  return made;
}

/** Every statement of the modules that are loaded. */
export function allStatements(): readonly Statement[] {
  return [...statements.values()];
}

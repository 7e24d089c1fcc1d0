import type { TObject } from "typebox";

/**
 * Turns the texts of a query into what its schema asks for, so that the schema can judge it. What does not
 * look right stays text: the schema then says what it should be. Unknown parameters are left out.
 */
export function queryReader(schema: TObject): (query: Readonly<Record<string, unknown>>) => unknown {
  const fields = Object.entries(schema.properties).map(([name, field]) => ({
    name,
    read: READERS.get(typeOf(field)) ?? readText,
  }));
  return (query) => {
    const value: Record<string, unknown> = {};
    for (const { name, read } of fields) {
      const given = query[name];
      if (given !== undefined) value[name] = read(given);
    }
    return value;
  };
}

type Read = (given: unknown) => unknown;

const readText: Read = (given) => given;

const READERS: ReadonlyMap<string, Read> = new Map<string, Read>([
  ["boolean", (given) => (given === "true" ? true : given === "false" ? false : given)],
  ["integer", (given) => (typeof given === "string" && /^-?\d{1,15}$/.test(given) ? Number(given) : given)],
  // Both forms in use: `a=1&a=2` and `a=1,2`.
  ["array", (given) => [given].flat().flatMap((text) => (typeof text === "string" ? text.split(",") : []))],
]);

function typeOf(schema: object): string {
  const type: unknown = "type" in schema ? schema.type : undefined;
  return String(Array.isArray(type) ? type[0] : type);
}

/**
 * What Svix answers, operation by operation. Its OpenAPI document is large and not ours to keep, so the facts this
 * needs are kept beside our own description, taken from the document wherever that is at hand.
 */
import { existsSync, readFileSync } from "node:fs";

export const FACTS_FILE = new URL("../../openapi/svix-operations.json", import.meta.url);
const CONTRACT_FILE = new URL("../../../../../shared/specs/svix.json", import.meta.url);

export interface SvixOperation {
  /** `METHOD /path/{param}`. */
  readonly operation: string;
  readonly operationId: string;
  /** Their open-source server answers it. */
  readonly openSource: boolean;
  /** Their hosted product answers it. */
  readonly hosted: boolean;
}

export function readFacts(): SvixOperation[] {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own file
  return JSON.parse(readFileSync(FACTS_FILE, "utf8")) as SvixOperation[];
}

interface Contract {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { operationId?: string }>>>>;
  readonly "x-open-source-operations": readonly string[];
}

const METHODS = new Set(["get", "head", "post", "put", "patch", "delete"]);

/** The same from Svix's document; null where it is not at hand. */
export function factsOfContract(): SvixOperation[] | null {
  if (!existsSync(CONTRACT_FILE)) return null;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- tested against what is kept
  const contract = JSON.parse(readFileSync(CONTRACT_FILE, "utf8")) as Contract;
  const openSource = new Set(contract["x-open-source-operations"]);
  const facts: SvixOperation[] = Object.entries(contract.paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([method]) => METHODS.has(method))
      .map(([method, { operationId = "" }]) => {
        const operation = `${method.toUpperCase()} ${path}`;
        return { operation, operationId, openSource: openSource.has(operation), hosted: true };
      }),
  );
  // What only the open-source server has is named by its path.
  const known = new Set(facts.map(({ operation }) => operation));
  for (const operation of openSource) {
    if (known.has(operation)) continue;
    const [, path = ""] = operation.split(" /api/");
    facts.push({ operation, operationId: path.replaceAll("/", "."), openSource: true, hosted: false });
  }
  return facts.toSorted((a, b) => (a.operation < b.operation ? -1 : 1));
}

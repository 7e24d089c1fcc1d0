import type { Route } from "../route.ts";
import type { SvixOperation } from "./svix-facts.ts";

export const TABLE_FILE = new URL("../../../../docs/compatibility.md", import.meta.url);

export interface Compatibility {
  readonly facts: readonly SvixOperation[];
  readonly routes: readonly Route[];
  /** Operations that Svix's npm client has a method for, and those our tests call through it. */
  readonly callable: ReadonlySet<string>;
  readonly tested: ReadonlySet<string>;
}

/** `yes`: served, and called by a test through Svix's client, or served where that client has no method. */
type Standing = "yes" | "untested" | "no";

export function standingOf(operation: string, { routes, callable, tested }: Compatibility): Standing {
  if (!servedOperations(routes).has(operation)) return "no";
  return tested.has(operation) || !callable.has(operation) ? "yes" : "untested";
}

/** `docs/compatibility.md`: the same input gives the same text. */
export function compatibilityTable(input: Compatibility): string {
  const { facts, routes } = input;
  const openSource = facts.filter((fact) => fact.openSource);
  const hosted = facts.filter((fact) => fact.hosted);
  const green = (some: readonly SvixOperation[]): number =>
    some.filter(({ operation }) => standingOf(operation, input) === "yes").length;
  const theirs = new Set(facts.map(({ operation }) => operation));
  const own = [...servedOperations(routes)].filter((operation) => !theirs.has(operation)).toSorted();
  const groups = Map.groupBy(facts, ({ operationId }) => groupOf(operationId));
  const tables = [...groups]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([group, members]) => groupTable({ group, members, input }));
  return `${INTRODUCTION}
| | operations | answered by Posthaste |
|---|---|---|
| Svix open source | ${openSource.length} | **${green(openSource)}/${openSource.length}** |
| Svix hosted | ${hosted.length} | ${green(hosted)}/${hosted.length} |
| of Posthaste alone | | ${own.length} |

${tables.join("\n")}
## Of Posthaste alone
${own.map((operation) => `- \`${operation}\``).join("\n")}
`;
}

const INTRODUCTION = `<!-- Written by \`npm run generate\` from the routes, the tests and Svix's OpenAPI document. Do not edit. -->
# Compatibility with Svix

Operation by operation: what Svix's open-source server and its hosted product answer, and what Posthaste does. **yes** means that the operation is served here and that a test calls it through the npm package \`svix\` (¹: that package has no method for it). *untested* means that it is served, but that no test calls it so.
`;

function groupTable({
  group,
  members,
  input,
}: {
  group: string;
  members: readonly SvixOperation[];
  input: Compatibility;
}): string {
  const rows = members.map(({ operation, operationId, openSource, hosted }) => {
    const standing = standingOf(operation, input);
    const ours = {
      yes: input.callable.has(operation) ? "**yes**" : "**yes** ¹",
      untested: "*untested*",
      no: "–",
    }[standing];
    return `| \`${operation}\` | ${operationId} | ${openSource ? "yes" : "–"} | ${hosted ? "yes" : "–"} | ${ours} |`;
  });
  return `## ${group}\n| operation | name | Svix open source | Svix hosted | Posthaste |\n|---|---|---|---|---|\n${rows.join("\n")}\n`;
}

/** `v1.message-attempt.list-by-msg` → `message-attempt`. */
function groupOf(operationId: string): string {
  return operationId.replace(/^ingest\.|^v1\./, "").split(".", 1)[0] ?? "";
}

function servedOperations(routes: readonly Route[]): Set<string> {
  return new Set(
    routes.flatMap(({ method, head, path }) => {
      const form = path.replaceAll(/:([a-z_]+)/g, "{$1}");
      return head ? [`${method} ${form}`, `HEAD ${form}`] : [`${method} ${form}`];
    }),
  );
}

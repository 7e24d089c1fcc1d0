import { routes } from "../routes/index.ts";
import { clientMethods, testedOperations } from "./svix-client.ts";
import { readFacts } from "./svix-facts.ts";
import type { Compatibility } from "./table.ts";

/** As the routes, the tests and the kept facts stand now. */
export function currentCompatibility(): Compatibility {
  const methods = clientMethods();
  return {
    facts: readFacts(),
    routes,
    callable: new Set(methods.values()),
    tested: testedOperations(methods),
  };
}

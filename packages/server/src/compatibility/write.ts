/** Part of `npm run generate`: writes docs/compatibility.md, and first the facts where Svix's document is at hand. */
import { writeFile } from "node:fs/promises";
import { currentCompatibility } from "./current.ts";
import { FACTS_FILE, factsOfContract } from "./svix-facts.ts";
import { compatibilityTable, TABLE_FILE } from "./table.ts";

const facts = factsOfContract();
if (facts !== null) await writeFile(FACTS_FILE, `${JSON.stringify(facts, null, 1)}\n`);
await writeFile(TABLE_FILE, compatibilityTable(currentCompatibility()));

/** `npm run generate`: writes the API's description to the file that is committed. */
import { mkdir, writeFile } from "node:fs/promises";
import { OPENAPI_FILE } from "./openapi-file.ts";
import { describeApi } from "./openapi.ts";
import { routes } from "./routes/index.ts";

await mkdir(new URL(".", OPENAPI_FILE), { recursive: true });
await writeFile(OPENAPI_FILE, await describeApi(routes));

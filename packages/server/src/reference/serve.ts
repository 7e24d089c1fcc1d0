import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { FastifyInstance } from "fastify";
import { REFERENCE_CACHE_S } from "../http-limits.ts";
import { PAGE, SCRIPT, STYLES } from "./page.ts";

/** Only what this server serves, and no script or style in the page itself. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

interface File {
  readonly path: string;
  readonly type: string;
  readonly read: () => Promise<string>;
}

const FILES: readonly File[] = [
  { path: "/docs", type: "text/html", read: async () => PAGE },
  { path: "/docs/reference.css", type: "text/css", read: async () => STYLES },
  { path: "/docs/reference.js", type: "text/javascript", read: async () => SCRIPT },
  {
    path: "/docs/swagger-ui.css",
    type: "text/css",
    read: () => text(import.meta.resolve("swagger-ui-dist/swagger-ui.css")),
  },
  {
    path: "/docs/swagger-ui-bundle.js",
    type: "text/javascript",
    read: () => text(import.meta.resolve("swagger-ui-dist/swagger-ui-bundle.js")),
  },
];

/** The API reference for people: Swagger UI over `/api/v1/openapi.json`. Public, like that description. */
export function serveReference(app: FastifyInstance): void {
  for (const file of FILES) {
    let packed: Promise<{ plain: Buffer; zipped: Buffer }> | undefined;
    app.get(file.path, async (request, reply) => {
      const { plain, zipped } = await (packed ??= pack(file));
      const zip = /\bgzip\b/.test(request.headers["accept-encoding"] ?? "");
      return reply
        .headers({
          "content-type": `${file.type}; charset=utf-8`,
          "content-security-policy": POLICY,
          "x-content-type-options": "nosniff",
          "referrer-policy": "no-referrer",
          "cross-origin-opener-policy": "same-origin",
          "cache-control": `public, max-age=${REFERENCE_CACHE_S}`,
          vary: "accept-encoding",
          ...(zip ? { "content-encoding": "gzip" } : {}),
        })
        .send(zip ? zipped : plain);
    });
  }
}

const zipped = promisify(gzip);

/** Once in a process's life, when first asked for. */
async function pack({ read }: File): Promise<{ plain: Buffer; zipped: Buffer }> {
  const plain = Buffer.from(await read());
  return { plain, zipped: await zipped(plain) };
}

async function text(url: string): Promise<string> {
  return readFile(fileURLToPath(url), "utf8");
}

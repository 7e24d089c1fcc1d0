import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "../../..");
const EXACT = /^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/;

const manifests = [
  "package.json",
  ...readdirSync(join(ROOT, "packages")).map((name) => `packages/${name}/package.json`),
].filter((file) => existsSync(join(ROOT, file)));

test.each(manifests)("%s names exact versions", (file) => {
  const manifest = JSON.parse(readFileSync(join(ROOT, file), "utf8")) as Record<
    string,
    Record<string, string>
  >;
  const loose = ["dependencies", "devDependencies", "optionalDependencies", "overrides"].flatMap((kind) =>
    Object.entries(manifest[kind] ?? {}).filter(([, version]) => !EXACT.test(version)),
  );
  expect(loose).toEqual([]);
});

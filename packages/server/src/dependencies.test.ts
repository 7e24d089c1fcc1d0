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

test("the threat model names tests that are there", () => {
  const model = readFileSync(join(ROOT, "docs/security.md"), "utf8");
  const named = [...model.matchAll(/`([^`]+\.test\.ts)`/g)].map(([, file = ""]) => file);
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
});

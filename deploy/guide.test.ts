import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { read, readProgram, ROOT } from "./testing/repository.ts";

const program = readProgram();
const guide = read("docs/guides/deploy.md");

test("the guide names only what is there: variables, paths of the API, files, services, the version", () => {
  const compose = parse(read("deploy/docker-compose.yml"), { merge: true }) as { services: object };
  const ofTheStack = [...read("deploy/.env.example").matchAll(/^([A-Z_]+)=/gm)].map(([, name]) => name);
  for (const [name] of guide.matchAll(/POSTHASTE_[A-Z_]+/g)) {
    expect(program.variables.has(name) || ofTheStack.includes(name), name).toBe(true);
  }
  for (const [path] of guide.matchAll(/\/api\/v1\/[a-z/]+/g)) expect(program.getPaths, path).toContain(path);
  for (const [, file = ""] of guide.matchAll(/\]\(([^)#]+)\)/g)) {
    expect(existsSync(join(ROOT, "docs/guides", file)), file).toBe(true);
  }
  for (const [, folder = ""] of guide.matchAll(/- \.\.\/posthaste\/(\S+)/g)) {
    expect(existsSync(join(ROOT, folder, "kustomization.yaml")), folder).toBe(true);
  }
  for (const [, services = ""] of guide.matchAll(
    /(?:--wait|compose stop|run --rm|exec -T) ([a-z -]+?)(?: &&|`|$| pg_)/gm,
  )) {
    for (const name of services.trim().split(" "))
      expect(Object.keys(compose.services), name).toContain(name);
  }
  expect(guide).toContain(`docker build -t posthaste:${program.version} .`);
});

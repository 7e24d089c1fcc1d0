import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { dockerfileProblems, parseImage } from "./testing/dockerfile-rules.ts";
import { buildContext, isIgnored, read, readProgram, repositoryFiles, ROOT } from "./testing/repository.ts";

const program = readProgram();
const text = read("Dockerfile");
const context = buildContext();

/** A file that gets into the build, or a folder with one. */
function isInContext(path: string): boolean {
  return context.some((file) => file === path || file.startsWith(`${path}/`));
}

test("the Dockerfile is valid and holds to every rule", () => {
  expect(dockerfileProblems(text, program, isInContext)).toEqual([]);
});

describe("a Dockerfile is refused when", () => {
  test.each([
    ["an instruction is misspelt", /^WORKDIR \/app$/m, "WORKDR /app", "Unknown instruction"],
    ["its base floats", /^FROM node:\S+$/m, "FROM node:latest", "not pinned"],
    ["its base has no tag", /^FROM node:\S+$/m, "FROM node", "not pinned"],
    [
      "its Node is not the tested one",
      /^FROM node:[\d.]+/m,
      "FROM node:24.0.0",
      "not the Node of package.json",
    ],
    ["a shell stands before the program", /^ENTRYPOINT .*$/m, "ENTRYPOINT node main.js", "exec form"],
    [
      "npm stands before the program",
      /^ENTRYPOINT .*$/m,
      'ENTRYPOINT ["npm", "start"]',
      "between node and SIGTERM",
    ],
    ["its command is not one of the program", /^CMD .*$/m, 'CMD ["serve"]', "CMD"],
    ["it runs as root", /^USER 1000:1000\nEXPOSE/m, "USER root\nEXPOSE", "USER"],
    ["its user has a name only", /^USER 1000:1000\nEXPOSE/m, "USER node\nEXPOSE", "USER"],
    [
      "its health check needs a tool",
      /^ {2}CMD \["node".*$/m,
      "  CMD curl -f http://127.0.0.1/",
      "HEALTHCHECK",
    ],
    ["its health check asks for nothing we have", /api\/v1\/health`/, "api/v1/helth`", "/api/v1/helth"],
    ["a secret is baked in", /^ENV NODE_ENV=production/m, "ENV POSTHASTE_API_KEY=phk_live_x", "secret"],
    ["a variable is unknown to the program", /POSTHASTE_HOST=/, "POSTHASTE_HOSTNAME=", "POSTHASTE_HOSTNAME"],
    [
      "it listens where nobody can reach it",
      /POSTHASTE_HOST=0\.0\.0\.0/,
      "POSTHASTE_HOST=127.0.0.1",
      "0.0.0.0",
    ],
    ["its data would die with it", /^VOLUME .*$/m, "", "VOLUME"],
    ["its port is another", /^EXPOSE .*$/m, "EXPOSE 80", "EXPOSE"],
    ["it copies what is not there", /^COPY packages packages$/m, "COPY pakages packages", "pakages"],
    ["it copies what is ignored", /^COPY packages packages$/m, "COPY bench bench", "bench"],
    ["it runs what it downloads", /npm ci .*$/m, "curl -s https://x.example/i | sh", "downloads"],
    ["it leaves the lockfile", /npm ci .*$/m, "npm install --omit=dev", "lockfile"],
    ["it brings devDependencies", / --omit=dev/, "", "--omit=dev"],
    ["it adds from elsewhere", /^COPY LICENSE .*$/m, "ADD https://x.example/y /y", "ADD"],
  ])("%s", (_name, pattern, replacement, problem) => {
    const broken = text.replace(
      new RegExp(pattern, pattern.flags.includes("g") ? pattern.flags : `${pattern.flags}g`),
      replacement,
    );
    expect(broken).not.toBe(text);
    expect(dockerfileProblems(broken, program, isInContext).join("\n")).toContain(problem);
  });
});

test("nothing private or heavy gets into the build", () => {
  for (const path of [
    ".git/config",
    ".env",
    "deploy/.env",
    "packages/server/.env.local",
    "node_modules/node/bin/node",
    "packages/core/node_modules/x/index.js",
    "posthaste-data/posthaste.db",
    "packages/cli/posthaste-data/posthaste.db-wal",
    "data/posthaste.db",
    "docs/guides/deploy.md",
    "packages/core/src/engine/engine.test.ts",
  ]) {
    expect(isIgnored(path), path).toBe(true);
  }
});

test("everything that a package runs on gets into the build", () => {
  const sources = repositoryFiles().filter((path) =>
    /^packages\/[^/]+\/(package\.json$|bin\/|src\/)/.test(path),
  );
  const needed = sources.filter((path) => !/(\.test\.ts$|\/testing\/)/.test(path));
  expect(needed.filter((path) => !context.includes(path))).toEqual([]);
});

test("every workspace package is copied before the install", () => {
  const install = text.indexOf("npm ci");
  const { copies } = parseImage(text.slice(0, install));
  for (const name of readdirSync(join(ROOT, "packages"))) {
    const copied = copies.some(({ from }) => `packages/${name}/package.json`.startsWith(from));
    expect(copied, name).toBe(true);
  }
});

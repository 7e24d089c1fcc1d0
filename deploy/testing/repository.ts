import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import dockerignore from "@balena/dockerignore";
import { FLAGS, variableName } from "@posthaste/server/config";

export const ROOT = join(import.meta.dirname, "../..");

export function read(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

export function readJson(path: string): unknown {
  return JSON.parse(read(path));
}

/** Every file that git has or would take, relative to the root. */
export function repositoryFiles(): string[] {
  const listed = execFileSync("git", ["ls-files", "-co", "--exclude-standard", "-z"], { cwd: ROOT });
  return listed.toString().split("\0").filter(Boolean);
}

/** Whether .dockerignore keeps a path out of the build. */
export function isIgnored(path: string): boolean {
  return dockerignore.default().add(read(".dockerignore")).ignores(path);
}

/** The files that get into the build. */
export function buildContext(): string[] {
  return dockerignore.default().add(read(".dockerignore")).filter(repositoryFiles());
}

/** What the deployment files are held against: the program itself. */
export interface Program {
  readonly version: string;
  /** The Node that the tests run on. */
  readonly node: string;
  readonly defaultPort: number;
  /** POSTHASTE_… variables it reads. */
  readonly variables: ReadonlySet<string>;
  readonly commands: ReadonlySet<string>;
  /** Paths of its API that answer GET. */
  readonly getPaths: ReadonlySet<string>;
}

interface PackageJson {
  readonly version: string;
  readonly devDependencies: Readonly<Record<string, string>>;
}

export function readProgram(): Program {
  const { version, devDependencies } = readJson("package.json") as PackageJson;
  const api = readJson("packages/server/openapi/openapi.json") as { paths: Record<string, object> };
  const commands = read("packages/cli/src/main.ts").matchAll(/case "([a-z]+)":/g);
  return {
    version,
    node: devDependencies["node"] ?? "",
    defaultPort: Number(FLAGS.port.default),
    // These keys have no flag: process lists show those.
    variables: new Set([
      ...Object.keys(FLAGS).map((flag) => variableName(flag)),
      "POSTHASTE_MASTER_KEYS",
      "POSTHASTE_OPERATOR_KEY",
    ]),
    commands: new Set([...commands].map(([, name = ""]) => name)),
    getPaths: new Set(Object.entries(api.paths).flatMap(([path, verbs]) => ("get" in verbs ? [path] : []))),
  };
}

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BATCH_BODY_MAX_BYTES, DRAIN_TIMEOUT_MS } from "@posthaste/core/domain/limits";
import { DCLinter } from "dclint";
import { parseDocument } from "yaml";
import { KEEP_ALIVE_TIMEOUT_MS } from "../../packages/server/src/http-limits.ts";
import type { Program } from "./repository.ts";

/** Rules of taste that this project does not share: it orders services as they start. */
const RULES_OFF = ["service-keys-order", "services-alphabetical-order", "top-level-properties-order"];
const SETTINGS_OF_POSTGRES = ["fsync=on", "synchronous_commit=on", "full_page_writes=on"];
/** Drain, then the last commits, each to the same deadline. */
const STOP_S = (2 * DRAIN_TIMEOUT_MS) / 1_000;

interface Service {
  readonly image?: string;
  readonly command?: string[];
  /** Null: passed on from .env, if it is set there. */
  readonly environment?: Readonly<Record<string, string | null>>;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: { readonly test?: string[]; readonly disable?: boolean };
  readonly ports?: readonly { readonly target: number }[];
  readonly volumes?: readonly string[];
  readonly restart?: string;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly stop_grace_period?: string;
}

interface LintResult {
  readonly messages: readonly { readonly rule: string; readonly line: number; readonly message: string }[];
}

interface Stack {
  readonly services: Readonly<Record<string, Service>>;
}

/** The three files that make up the stack, as text. */
export interface ComposeFiles {
  readonly compose: string;
  readonly envExample: string;
  readonly nginx: string;
}

/** Everything that is wrong with the stack, one sentence each. */
export function composeProblems(files: ComposeFiles, program: Program): string[] {
  const document = parseDocument(files.compose, { merge: true });
  if (document.errors.length > 0) return document.errors.map(({ message }) => message);
  const schema = schemaProblems(files.compose);
  if (schema.some((problem) => problem.startsWith("invalid-schema"))) return schema;
  const { services } = document.toJS() as Stack;
  return [
    ...schema,
    ...secretProblems(files),
    ...imageProblems(services, program),
    ...postgresProblems(services),
    ...nodeProblems(services, program),
    ...proxyProblems(files, services, program),
  ];
}

/** The compose specification's JSON schema, and a linter's rules, both from dclint. */
function schemaProblems(compose: string): string[] {
  const folder = mkdtempSync(join(tmpdir(), "posthaste-compose-"));
  const file = join(folder, "docker-compose.yml");
  try {
    writeFileSync(file, compose);
    const rules = Object.fromEntries(RULES_OFF.map((rule) => [rule, 0 as const]));
    const linter = new DCLinter({ rules, quiet: true, debug: false, exclude: [] });
    // Its published types point at files that are not there under Node's resolution.
    const results = linter.lintFiles([file], false) as readonly LintResult[];
    return results.flatMap(({ messages }) =>
      messages.map(({ rule, line, message }) => `${rule} (line ${line}): ${message}`),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Every `${NAME…}` is in .env.example; one without a default stops the start, and has no value there. Nor has one that
 * is passed on only if it is set.
 */
function secretProblems({ compose, envExample }: ComposeFiles): string[] {
  const problems: string[] = [];
  const example = new Map(
    [...envExample.matchAll(/^([A-Z_]+)=(.*)$/gm)].map(([, name = "", value = ""]) => [name, value]),
  );
  for (const [, name = "", rest = ""] of compose.matchAll(/\$\{([A-Z_]+)([^}]*)\}/g)) {
    if (!example.has(name)) problems.push(`${name} is not in .env.example`);
    if (!rest.startsWith(":-") && !rest.startsWith(":?")) problems.push(`${name} may be empty: write :?`);
    if (rest.startsWith(":?") && example.get(name) !== "")
      problems.push(`${name} has a value everyone knows`);
    if (/PASSWORD|KEY|TOKEN|SECRET/.test(name) && rest.startsWith(":-")) {
      problems.push(`${name} is a secret with a default`);
    }
  }
  for (const [, name = ""] of compose.matchAll(/^ +([A-Z_]+): *$/gm)) {
    if (!example.has(name)) problems.push(`${name} is not in .env.example`);
    if (example.get(name)) problems.push(`${name} has a value everyone knows`);
  }
  for (const [, name = ""] of compose.matchAll(/^\s*\w*(PASSWORD|KEY|TOKEN|SECRET): *[^$\s]/gm)) {
    problems.push(`a ${name} stands in the file`);
  }
  return problems;
}

function imageProblems(services: Stack["services"], program: Program): string[] {
  return Object.entries(services).flatMap(([name, { image = "" }]) => {
    const tag = /:([\w.-]+)\}?$/.exec(image)?.[1];
    if (tag === undefined || tag === "latest") return [`${name}: image ${image} is not pinned`];
    if (image.includes("posthaste:") && tag !== program.version) {
      return [`${name}: image ${image} is not of version ${program.version}`];
    }
    return [];
  });
}

function postgresProblems(services: Stack["services"]): string[] {
  const postgres = services["postgres"];
  if (!postgres) return ["there is no service postgres"];
  const problems = SETTINGS_OF_POSTGRES.filter((setting) => !postgres.command?.includes(setting)).map(
    (setting) => `postgres: without ${setting} a 2xx is no promise`,
  );
  const major = Number(/:(\d+)/.exec(postgres.image ?? "")?.[1]);
  const folder = major >= 18 ? "/var/lib/postgresql" : "/var/lib/postgresql/data";
  if (!postgres.volumes?.some((volume) => volume.endsWith(`:${folder}`))) {
    problems.push(`postgres: no volume at ${folder}, its data would die with it`);
  }
  if (postgres.ports) problems.push("postgres: has a port open to the outside");
  if (!postgres.healthcheck?.test?.includes("--host=127.0.0.1")) {
    problems.push("postgres: no health check over TCP; on the socket it answers before it is set up");
  }
  return problems;
}

function nodeProblems(services: Stack["services"], program: Program): string[] {
  const ours = Object.entries(services).filter(([, { image }]) => image?.includes("posthaste:"));
  const nodes = ours.filter(([, { command }]) => !command);
  const problems = nodes.length >= 2 ? [] : ["fewer than two nodes: one cannot be restarted"];
  for (const [name, service] of ours) {
    problems.push(...hardeningProblems(name, service));
    for (const variable of Object.keys(service.environment ?? {})) {
      if (!program.variables.has(variable))
        problems.push(`${name}: ${variable} is not a variable of the program`);
    }
    const command = service.command?.[0] ?? "start";
    if (!program.commands.has(command))
      problems.push(`${name}: "${command}" is not a command of the program`);
  }
  for (const [name, service] of nodes) {
    if (JSON.stringify(service) !== JSON.stringify(nodes[0]?.[1]))
      problems.push(`${name} differs from ${nodes[0]?.[0]}`);
    if (service.depends_on?.["migrate"]?.condition !== "service_completed_successfully") {
      problems.push(`${name}: does not wait for migrate to have succeeded`);
    }
    if (!(Number.parseInt(service.stop_grace_period ?? "", 10) > STOP_S)) {
      problems.push(
        `${name}: stop_grace_period must be more than ${STOP_S} s, the drain and the last commits`,
      );
    }
    if (service.ports) problems.push(`${name}: has a port beside the proxy`);
    if (service.healthcheck?.disable === true) problems.push(`${name}: has no health check`);
  }
  const migrate = services["migrate"];
  if (migrate?.restart !== "no") problems.push("migrate: runs again and again without restart: no");
  if (migrate?.depends_on?.["postgres"]?.condition !== "service_healthy") {
    problems.push("migrate: does not wait for PostgreSQL");
  }
  return problems;
}

function hardeningProblems(name: string, service: Service): string[] {
  const problems: string[] = [];
  if (service.read_only !== true) problems.push(`${name}: its root file system can be written`);
  if (!service.cap_drop?.includes("ALL")) problems.push(`${name}: keeps capabilities`);
  if (!service.security_opt?.includes("no-new-privileges:true"))
    problems.push(`${name}: may gain privileges`);
  return problems;
}

function proxyProblems({ nginx }: ComposeFiles, services: Stack["services"], program: Program): string[] {
  const problems = hardeningProblems("proxy", services["proxy"] ?? {});
  const nodes = Object.keys(services).filter((name) => name.startsWith("node-"));
  const upstreams = [...nginx.matchAll(/^\s*server ([\w-]+):(\d+) resolve;/gm)].map(([, ...pair]) =>
    pair.join(":"),
  );
  const wanted = nodes.map((name) => `${name}:${program.defaultPort}`);
  if (upstreams.toSorted().join() !== wanted.toSorted().join()) {
    problems.push(`nginx sends to ${upstreams.join()}, the nodes are ${wanted.join()}`);
  }
  const bodyMax = Number(/client_max_body_size (\d+)m;/.exec(nginx)?.[1]) * 1_048_576;
  if (!(bodyMax > BATCH_BODY_MAX_BYTES)) problems.push("nginx refuses bodies that the nodes accept");
  for (const [, idle] of nginx.matchAll(/keepalive_timeout (\d+)s;/g)) {
    if (Number(idle) * 1_000 >= KEEP_ALIVE_TIMEOUT_MS) {
      problems.push("nginx keeps idle connections longer than the nodes: requests would meet closed ones");
    }
  }
  const listen = Number(/^\s*listen (\d+)/m.exec(nginx)?.[1]);
  if (!services["proxy"]?.ports?.every(({ target }) => target === listen)) {
    problems.push("the published port is not the one nginx listens on");
  }
  if (!/location = \/metrics \{\s*return 404;/.test(nginx)) problems.push("nginx shows /metrics to everyone");
  const asked = services["proxy"]?.healthcheck?.test?.at(-1) ?? "http://missing/";
  const { port, pathname } = new URL(asked);
  if (Number(port) !== listen || !program.getPaths.has(pathname))
    problems.push(`proxy: its health check asks ${asked}`);
  return problems;
}

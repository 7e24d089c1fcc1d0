import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { composeProblems, type ComposeFiles } from "./testing/compose-rules.ts";
import { read, readProgram, ROOT } from "./testing/repository.ts";

const program = readProgram();
const files: ComposeFiles = {
  compose: read("deploy/docker-compose.yml"),
  envExample: read("deploy/.env.example"),
  nginx: read("deploy/nginx.conf"),
};

test("the stack fits the compose specification and holds to every rule", () => {
  expect(composeProblems(files, program)).toEqual([]);
});

test("every file that is mounted is there", () => {
  for (const [, path = ""] of files.compose.matchAll(/- (\.\/\S+?):/g)) {
    expect(existsSync(join(ROOT, "deploy", path)), path).toBe(true);
  }
});

describe("a stack is refused when", () => {
  test.each<[string, keyof ComposeFiles, string | RegExp, string, string]>([
    ["a field is misspelt", "compose", "stop_grace_period: 30s", "stop_grace: 30s", "invalid-schema"],
    ["a condition does not exist", "compose", "service_healthy", "service_heathy", "invalid-schema"],
    ["a name is used twice by YAML", "compose", "  node-b:\n", "  node-a:\n", "unique"],
    ["an image floats", "compose", "postgres:18", "postgres:latest", "not pinned"],
    [
      "the nodes' image is of another version",
      "compose",
      ":-posthaste:0.1.0",
      ":-posthaste:0.0.9",
      "version",
    ],
    [
      "a password stands in it",
      "compose",
      /POSTGRES_PASSWORD: \S.*/,
      "POSTGRES_PASSWORD: hunter2",
      "stands in the file",
    ],
    [
      "a secret has a default",
      "compose",
      /\$\{POSTGRES_PASSWORD:\?[^}]*\}/,
      "${POSTGRES_PASSWORD:-x}",
      "with a default",
    ],
    [
      "a secret may be empty",
      "compose",
      /\$\{POSTHASTE_API_KEY[^}]*\}/,
      "${POSTHASTE_API_KEY}",
      "may be empty",
    ],
    [
      "an optional key has a default",
      "compose",
      "OPERATOR_KEY:\n",
      "OPERATOR_KEY: ${POSTHASTE_OPERATOR_KEY:-phop_x}\n",
      "with a default",
    ],
    [
      "an optional key stands in it",
      "compose",
      "OPERATOR_KEY:\n",
      "OPERATOR_KEY: phop_x\n",
      "stands in the file",
    ],
    [
      "the example brings an operator's key",
      "envExample",
      "OPERATOR_KEY=",
      "OPERATOR_KEY=phop_x",
      "everyone knows",
    ],
    [
      "an optional key is not in the example",
      "envExample",
      /^POSTHASTE_OPERATOR_KEY=\n/,
      "",
      "POSTHASTE_OPERATOR_KEY is not in .env.example",
    ],
    [
      "a variable is not in the example",
      "compose",
      "${PROXY_PORT:-8071}",
      "${PORT_OUT:-8071}",
      ".env.example",
    ],
    [
      "the example brings a password",
      "envExample",
      "POSTGRES_PASSWORD=",
      "POSTGRES_PASSWORD=postgres",
      "everyone knows",
    ],
    ["PostgreSQL does not flush", "compose", "fsync=on", "fsync=off", "no promise"],
    [
      "PostgreSQL answers before its flush",
      "compose",
      "synchronous_commit=on",
      "synchronous_commit=off",
      "no promise",
    ],
    [
      "its data is not where the image keeps it",
      "compose",
      ":/var/lib/postgresql\n",
      ":/var/lib/postgresql/data\n",
      "no volume",
    ],
    [
      "PostgreSQL can be reached from outside",
      "compose",
      "    shm_size",
      '    ports: ["127.0.0.1:5432:5432"]\n    shm_size',
      "open to the outside",
    ],
    ["its health check lies during the set-up", "compose", "--host=127.0.0.1, ", "", "over TCP"],
    [
      "nodes do not wait for the migration",
      "compose",
      "service_completed_successfully",
      "service_started",
      "migrate to have succeeded",
    ],
    [
      "a node is killed while it drains",
      "compose",
      "stop_grace_period: 30s",
      "stop_grace_period: 10s",
      "the last commits",
    ],
    [
      "a variable is unknown to the program",
      "compose",
      "POSTHASTE_ROLE",
      "POSTHASTE_ROLES",
      "not a variable",
    ],
    ["a command is unknown to the program", "compose", "[migrate]", "[migrations]", "not a command"],
    [
      "a node differs from the other",
      "compose",
      "  node-b:\n    <<: *node\n",
      "  node-b:\n    <<: *node\n    init: true\n",
      "differs",
    ],
    ["a node can write its program", "compose", "read_only: true", "read_only: false", "can be written"],
    ["a node keeps capabilities", "compose", "cap_drop: [ALL]", "cap_drop: [NET_RAW]", "capabilities"],
    ["the proxy sends elsewhere", "nginx", "server node-b:8071", "server node-c:8071", "the nodes are"],
    ["the proxy uses another port", "nginx", "server node-b:8071", "server node-b:8080", "the nodes are"],
    [
      "the proxy refuses a full batch",
      "nginx",
      "client_max_body_size 17m",
      "client_max_body_size 1m",
      "refuses bodies",
    ],
    [
      "the proxy keeps connections too long",
      "nginx",
      "keepalive_timeout 60s",
      "keepalive_timeout 90s",
      "idle connections",
    ],
    ["the proxy listens elsewhere", "nginx", "listen 8080", "listen 80", "listens on"],
    ["the proxy shows the metrics", "nginx", "location = /metrics", "location = /metric", "/metrics"],
    [
      "its health check asks for nothing we have",
      "compose",
      "health/ping",
      "health/pong",
      "health check asks",
    ],
  ])("%s", (_name, file, from, to, problem) => {
    const broken = {
      ...files,
      [file]: files[file].replaceAll(typeof from === "string" ? from : new RegExp(from, "gm"), to),
    };
    expect(broken[file]).not.toBe(files[file]);
    expect(composeProblems(broken, program).join("\n")).toContain(problem);
  });
});

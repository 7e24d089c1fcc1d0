import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { mayConnect } from "@posthaste/core/egress/address-policy";
import { parsePolicy } from "@posthaste/core/egress/policy";
import { loadConfig } from "@posthaste/server/config";
import { describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { kubernetesProblems } from "./testing/kubernetes-rules.ts";
import type { Manifest } from "./testing/kubernetes-schema.ts";
import { read, readProgram, repositoryFiles, ROOT } from "./testing/repository.ts";

const FOLDER = "deploy/kubernetes";
const program = readProgram();
const yaml = repositoryFiles().filter((path) => path.startsWith(`${FOLDER}/`) && path.endsWith(".yaml"));
const kustomizations = yaml.filter((path) => path.endsWith("kustomization.yaml"));
const manifests = yaml.filter((path) => !kustomizations.includes(path)).flatMap((path) => parse(path));

interface Kustomization {
  readonly resources: readonly string[];
  readonly images?: readonly { readonly name: string; readonly newTag: string }[];
}

function parse(path: string): Manifest[] {
  return parseAllDocuments(read(path)).map((document) => {
    expect(document.errors, path).toEqual([]);
    return document.toJS() as Manifest;
  });
}

function maySend(address: string): boolean {
  const policy = parsePolicy({ allowHttp: false, allowedNetworks: [] });
  if (!policy.ok) throw new Error(policy.message);
  return mayConnect(address, 443, policy.rules);
}

test("the manifests fit Kubernetes' schemas and hold to every rule", () => {
  expect(manifests.map(({ kind }) => kind).toSorted()).toEqual([
    "Deployment",
    "HorizontalPodAutoscaler",
    "Job",
    "NetworkPolicy",
    "PodDisruptionBudget",
    "Secret",
    "Service",
  ]);
  expect(kubernetesProblems(manifests, program, maySend)).toEqual([]);
});

test("every manifest but the example Secret is in one kustomization, and every image has the version's tag", () => {
  const listed = kustomizations.flatMap((path) => {
    const { resources } = parse(path)[0] as unknown as Kustomization;
    return resources.map((name) => join(dirname(path), name));
  });
  expect(listed.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  const alone = yaml.filter((path) => !kustomizations.includes(path) && !listed.includes(path));
  expect(alone).toEqual([`${FOLDER}/secret.example.yaml`]);
  for (const folder of ["base", "migrate"]) {
    const { images } = parse(`${FOLDER}/${folder}/kustomization.yaml`)[0] as unknown as Kustomization;
    expect(images, folder).toEqual([{ name: "posthaste", newTag: program.version }]);
  }
});

test("the example Secret is not one", () => {
  const [secret] = parse(`${FOLDER}/secret.example.yaml`) as unknown as {
    stringData: Record<string, string>;
  }[];
  expect(secret?.stringData).toEqual({
    database: "postgres://posthaste:PASSWORD@HOST:5432/posthaste",
    "api-key": "phk_live_CHANGE",
    "master-keys": "phm_CHANGE",
    "operator-key": "phop_CHANGE",
  });
  // Whoever takes it as it is gets a server that does not start, never one with a key everyone knows.
  const { "api-key": apiKey, "operator-key": operatorKey } = secret?.stringData ?? {};
  expect(() => loadConfig([], { POSTHASTE_API_KEY: apiKey })).toThrow("--api-key does not have the form");
  expect(() => loadConfig([], { POSTHASTE_OPERATOR_KEY: operatorKey })).toThrow("POSTHASTE_OPERATOR_KEY");
});

// One object is changed at a time, by a path into it; `undefined` removes what is there.
describe("manifests are refused when", () => {
  const pod = "spec.template.spec";
  const container = `${pod}.containers.0`;
  test.each<[string, string, string, unknown, string]>([
    ["a kind does not exist", "Service", "kind", "Servce", "no v1 Servce"],
    ["a version is gone", "PodDisruptionBudget", "apiVersion", "policy/v1beta1", "no policy/v1beta1"],
    ["a field is misspelt", "Deployment", "spec.replcas", 2, "replcas"],
    ["a nested field is misspelt", "Deployment", `${container}.readinesProbe`, {}, "readinesProbe"],
    ["a value has the wrong type", "Deployment", "spec.replicas", "two", "replicas"],
    ["a quantity is none", "Job", `${container}.resources.limits.memory`, "512 megabytes", "quantity"],
    ["a required field is missing", "NetworkPolicy", "spec.egress.2.to.0.ipBlock.cidr", undefined, "cidr"],
    [
      "the Service finds nobody",
      "Service",
      "spec.selector",
      { app: "posthaste" },
      "Service: its selector does not match",
    ],
    [
      "the Service finds the migrate pod",
      "Service",
      "spec.selector",
      { "app.kubernetes.io/name": "posthaste" },
      "migrate pod",
    ],
    [
      "the budget guards nobody",
      "PodDisruptionBudget",
      "spec.selector.matchLabels",
      { app: "x" },
      "PodDisruptionBudget: its selector",
    ],
    ["the Service's port is not open", "Service", "spec.ports.0.targetPort", 8080, "targetPort 8080"],
    ["the budget forbids every drain", "PodDisruptionBudget", "spec.minAvailable", 2, "cannot be drained"],
    [
      "a rollout leaves fewer nodes",
      "Deployment",
      "spec.strategy.rollingUpdate.maxUnavailable",
      1,
      "before its successor",
    ],
    [
      "nodes are killed while they drain",
      "Deployment",
      `${pod}.terminationGracePeriodSeconds`,
      30,
      "at least 40",
    ],
    ["requests still come at the stop", "Deployment", `${container}.lifecycle`, undefined, "preStop"],
    [
      "readiness asks for nothing we have",
      "Deployment",
      `${container}.readinessProbe.httpGet.path`,
      "/healthz",
      "not a path of the API",
    ],
    [
      "liveness depends on the database",
      "Deployment",
      `${container}.livenessProbe.httpGet.path`,
      "/api/v1/health",
      "livenessProbe: asks",
    ],
    ["there is no startup probe", "Deployment", `${container}.startupProbe`, undefined, "startupProbe"],
    [
      "a probe asks another port",
      "Deployment",
      `${container}.livenessProbe.httpGet.port`,
      80,
      "asks port 80",
    ],
    [
      "the port is not the program's",
      "Deployment",
      `${container}.ports.0.containerPort`,
      8080,
      "port http is not 8071",
    ],
    [
      "Prometheus is sent astray",
      "Deployment",
      "spec.template.metadata.annotations",
      { "prometheus.io/scrape": "true" },
      "Prometheus",
    ],
    ["a node may be root", "Deployment", `${pod}.securityContext.runAsNonRoot`, false, "may run as root"],
    ["the Job may be root", "Job", `${pod}.securityContext`, undefined, "Job: may run as root"],
    [
      "a node writes its program",
      "Deployment",
      `${container}.securityContext.readOnlyRootFilesystem`,
      false,
      "root file system",
    ],
    [
      "a node keeps capabilities",
      "Deployment",
      `${container}.securityContext.capabilities`,
      {},
      "capabilities",
    ],
    [
      "a node may gain privileges",
      "Deployment",
      `${container}.securityContext.allowPrivilegeEscalation`,
      true,
      "gain privileges",
    ],
    [
      "a node has no seccomp profile",
      "Deployment",
      `${pod}.securityContext.seccompProfile`,
      undefined,
      "seccomp",
    ],
    ["a node carries a token", "Deployment", `${pod}.automountServiceAccountToken`, true, "token"],
    ["memory has no limit", "Deployment", `${container}.resources.limits`, undefined, "bounds"],
    ["nothing spreads the nodes", "Deployment", `${pod}.topologySpreadConstraints`, [], "spreads"],
    [
      "a variable is unknown to the program",
      "Deployment",
      `${container}.env.0.name`,
      "POSTHASTE_ROLES",
      "POSTHASTE_ROLES",
    ],
    [
      "a secret stands in the open",
      "Deployment",
      `${container}.env.1`,
      { name: "POSTHASTE_DATABASE", value: "postgres://a:b@c/d" },
      "Secret",
    ],
    ["a secret's key is another", "Job", `${container}.env.0.valueFrom.secretKeyRef.key`, "url", "Secret"],
    [
      "a pod starts without its master keys",
      "Deployment",
      `${container}.env.3.valueFrom.secretKeyRef.optional`,
      true,
      "starts without POSTHASTE_MASTER_KEYS",
    ],
    [
      "a pod needs an operator's key",
      "Deployment",
      `${container}.env.4.valueFrom.secretKeyRef.optional`,
      undefined,
      "does not start without POSTHASTE_OPERATOR_KEY",
    ],
    [
      "an operator's key stands in the open",
      "Deployment",
      `${container}.env.4`,
      { name: "POSTHASTE_OPERATOR_KEY", value: "phop_x" },
      "from the example's Secret",
    ],
    ["a command is unknown to the program", "Job", `${container}.args`, ["migrations"], "migrations"],
    [
      "the autoscaler scales something else",
      "HorizontalPodAutoscaler",
      "spec.scaleTargetRef.name",
      "other",
      "something else",
    ],
    [
      "the autoscaler goes below the budget",
      "HorizontalPodAutoscaler",
      "spec.minReplicas",
      1,
      "nothing to drain",
    ],
    [
      "the policy opens a private network",
      "NetworkPolicy",
      "spec.egress.2.to.0.ipBlock.except",
      ["127.0.0.0/8"],
      "opens 10.0.0.1",
    ],
    [
      "the policy opens cloud metadata",
      "NetworkPolicy",
      "spec.egress.2.to.0.ipBlock.except.4",
      "169.254.0.0/17",
      "opens 169.254.169.254",
    ],
    ["the policy closes the internet", "NetworkPolicy", "spec.egress.2.to", [], "closes 1.1.1.1"],
    ["no name can be looked up", "NetworkPolicy", "spec.egress.0.ports", [], "looked up"],
    [
      "the policy holds for some pods only",
      "NetworkPolicy",
      "spec.podSelector.matchLabels",
      { "app.kubernetes.io/component": "node" },
      "every pod",
    ],
  ])("%s", (_name, kind, path, value, problem) => {
    const broken = structuredClone(manifests);
    const target = broken.find((manifest) => manifest.kind === kind);
    expect(target).toBeDefined();
    set(target as object, path.split("."), value);
    expect(kubernetesProblems(broken, program, maySend).join("\n")).toContain(problem);
  });
});

function set(target: object, [name = "", ...rest]: readonly string[], value: unknown): void {
  const record = target as Record<string, unknown>;
  if (rest.length > 0) set(record[name] as object, rest, value);
  else if (value === undefined) delete record[name];
  else record[name] = value;
}

import { BlockList } from "node:net";
import { DRAIN_TIMEOUT_MS } from "@posthaste/core/domain/limits";
import type { IDeployment } from "kubernetes-models/apps/v1";
import type { IHorizontalPodAutoscaler } from "kubernetes-models/autoscaling/v2";
import type { IJob } from "kubernetes-models/batch/v1";
import type { INetworkPolicy } from "kubernetes-models/networking.k8s.io/v1";
import type { IPodDisruptionBudget } from "kubernetes-models/policy/v1";
import type { IContainer, IPodTemplateSpec, IProbe, ISecret, IService } from "kubernetes-models/v1";
import { type Manifest, schemaProblems } from "./kubernetes-schema.ts";
import type { Program } from "./repository.ts";

type Labels = Readonly<Record<string, string>>;

const READINESS = "/api/v1/health";
const LIVENESS = "/api/v1/health/ping";
/** preStop, the drain, the last commits, and this. */
const STOP_MARGIN_S = 10;
/** Each with whether a pod starts without it. */
const SECRET_VARIABLES: ReadonlyMap<string, { readonly optional: boolean }> = new Map([
  ["POSTHASTE_DATABASE", { optional: false }],
  ["POSTHASTE_API_KEY", { optional: false }],
  ["POSTHASTE_MASTER_KEYS", { optional: false }],
  ["POSTHASTE_OPERATOR_KEY", { optional: true }],
]);

interface Cluster {
  readonly deployment: IDeployment;
  readonly job: IJob;
  readonly service: IService;
  readonly budget: IPodDisruptionBudget;
  readonly autoscaler: IHorizontalPodAutoscaler;
  readonly policy: INetworkPolicy;
  readonly secret: ISecret;
}

/** Everything that is wrong with the manifests, one sentence each. `maySend`: what the program's own guard allows. */
export function kubernetesProblems(
  manifests: readonly Manifest[],
  program: Program,
  maySend: (address: string) => boolean,
): string[] {
  const schema = schemaProblems(manifests);
  if (schema.length > 0) return schema;
  const one = (kind: string): unknown => manifests.find((manifest) => manifest.kind === kind);
  const cluster: Cluster = {
    deployment: one("Deployment") as IDeployment,
    job: one("Job") as IJob,
    service: one("Service") as IService,
    budget: one("PodDisruptionBudget") as IPodDisruptionBudget,
    autoscaler: one("HorizontalPodAutoscaler") as IHorizontalPodAutoscaler,
    policy: one("NetworkPolicy") as INetworkPolicy,
    secret: one("Secret") as ISecret,
  };
  return [
    ...selectorProblems(cluster),
    ...rolloutProblems(cluster),
    ...probeProblems(cluster, program),
    ...podProblems("Deployment", cluster.deployment.spec?.template, cluster.secret, program),
    ...podProblems("Job", cluster.job.spec?.template, cluster.secret, program),
    ...scalingProblems(cluster),
    ...networkProblems(cluster, maySend),
  ];
}

function selectorProblems({ deployment, job, service, budget, policy }: Cluster): string[] {
  const problems: string[] = [];
  const node = deployment.spec?.template.metadata?.labels ?? {};
  const migrate = job.spec?.template.metadata?.labels ?? {};
  const spread = deployment.spec?.template.spec?.topologySpreadConstraints ?? [];
  const ofNodes: readonly (readonly [string, Labels | undefined])[] = [
    ["Deployment", deployment.spec?.selector.matchLabels],
    ["Service", service.spec?.selector],
    ["PodDisruptionBudget", budget.spec?.selector?.matchLabels],
    ...spread.map(({ topologyKey, labelSelector }) => [topologyKey, labelSelector?.matchLabels] as const),
  ];
  for (const [name, selector] of ofNodes) {
    if (!selects(selector, node)) problems.push(`${name}: its selector does not match the nodes' labels`);
    if (selects(selector, migrate)) problems.push(`${name}: its selector matches the migrate pod as well`);
  }
  if (spread.length === 0) problems.push("Deployment: nothing spreads the nodes over machines");
  for (const labels of [node, migrate]) {
    if (!selects(policy.spec?.podSelector?.matchLabels, labels)) {
      problems.push("NetworkPolicy: does not hold for every pod of ours");
    }
  }
  const ports = containerOf(deployment.spec?.template)?.ports ?? [];
  for (const { targetPort } of service.spec?.ports ?? []) {
    if (!ports.some((port) => port.name === targetPort || port.containerPort === targetPort)) {
      problems.push(`Service: targetPort ${targetPort} is not a port of the container`);
    }
  }
  return problems;
}

function rolloutProblems({ deployment: { spec }, budget }: Cluster): string[] {
  const problems: string[] = [];
  const replicas = spec?.replicas ?? 1;
  const rolling = spec?.strategy?.rollingUpdate;
  if (rolling?.maxUnavailable !== 0 || !(Number(rolling.maxSurge) >= 1)) {
    problems.push("Deployment: a rollout takes a node away before its successor is ready");
  }
  const kept = budget.spec?.minAvailable;
  if (typeof kept !== "number" || kept < 1 || kept >= replicas) {
    problems.push(
      `PodDisruptionBudget: minAvailable ${kept} of ${replicas}: machines cannot be drained, or all at once`,
    );
  }
  const pod = spec?.template.spec;
  const preStopS = containerOf(spec?.template)?.lifecycle?.preStop?.sleep?.seconds ?? 0;
  if (preStopS < 5) problems.push("Deployment: no preStop sleep, requests still come when the node stops");
  const neededS = preStopS + (2 * DRAIN_TIMEOUT_MS) / 1_000 + STOP_MARGIN_S;
  if ((pod?.terminationGracePeriodSeconds ?? 30) < neededS) {
    problems.push(`Deployment: terminationGracePeriodSeconds must be at least ${neededS}`);
  }
  return problems;
}

function probeProblems({ deployment }: Cluster, program: Program): string[] {
  const problems: string[] = [];
  const template = deployment.spec?.template;
  const container = containerOf(template);
  const port = container?.ports?.find(({ name }) => name === "http")?.containerPort;
  if (port !== program.defaultPort) problems.push(`Deployment: port http is not ${program.defaultPort}`);
  const probes: readonly (readonly [string, IProbe | undefined, string])[] = [
    ["readinessProbe", container?.readinessProbe, READINESS],
    ["livenessProbe", container?.livenessProbe, LIVENESS],
    ["startupProbe", container?.startupProbe, LIVENESS],
  ];
  for (const [name, probe, wanted] of probes) {
    const { path = "", port: asked } = probe?.httpGet ?? {};
    if (!program.getPaths.has(path)) problems.push(`${name}: "${path}" is not a path of the API`);
    if (path !== wanted) problems.push(`${name}: asks ${path} instead of ${wanted}`);
    if (asked !== "http" && asked !== port) problems.push(`${name}: asks port ${asked}`);
  }
  const scrape = template?.metadata?.annotations ?? {};
  const scrapePath = scrape["prometheus.io/path"] ?? "";
  if (scrape["prometheus.io/scrape"] !== "true" || !program.getPaths.has(scrapePath)) {
    problems.push(`Deployment: Prometheus is sent to "${scrapePath}"`);
  }
  if (scrape["prometheus.io/port"] !== String(port))
    problems.push("Deployment: Prometheus is sent to another port");
  return problems;
}

function podProblems(
  owner: string,
  template: IPodTemplateSpec | undefined,
  secret: ISecret,
  program: Program,
): string[] {
  const problems: string[] = [];
  const pod = template?.spec;
  const container = containerOf(template);
  const own = container?.securityContext;
  if (pod?.securityContext?.runAsNonRoot !== true) problems.push("may run as root");
  if (pod?.securityContext?.seccompProfile?.type !== "RuntimeDefault")
    problems.push("has no seccomp profile");
  if (pod?.automountServiceAccountToken !== false) problems.push("carries a token of the cluster");
  if (own?.readOnlyRootFilesystem !== true) problems.push("can write its root file system");
  if (own?.allowPrivilegeEscalation !== false) problems.push("may gain privileges");
  if (!own?.capabilities?.drop?.includes("ALL")) problems.push("keeps capabilities");
  const { requests, limits } = container?.resources ?? {};
  if (!requests?.["cpu"] || !requests["memory"] || !limits?.["memory"])
    problems.push("has no bounds of resources");
  const command = container?.args?.[0] ?? "";
  if (!program.commands.has(command))
    problems.push(`runs "${command}", which is not a command of the program`);
  for (const { name, value, valueFrom } of container?.env ?? []) {
    if (!program.variables.has(name)) problems.push(`sets ${name}, which is not a variable of the program`);
    const kind = SECRET_VARIABLES.get(name);
    if (kind === undefined) continue;
    const { name: from, key = "", optional = false } = valueFrom?.secretKeyRef ?? {};
    if (optional && !kind.optional) problems.push(`starts without ${name}`);
    if (!optional && kind.optional) problems.push(`does not start without ${name}, which is optional`);
    if (value !== undefined || from !== secret.metadata?.name || !(key in (secret.stringData ?? {}))) {
      problems.push(`does not take ${name} from the example's Secret`);
    }
  }
  return problems.map((problem) => `${owner}: ${problem}`);
}

function scalingProblems({ autoscaler: { spec }, deployment, budget }: Cluster): string[] {
  const { kind, name } = spec?.scaleTargetRef ?? {};
  const problems: string[] = [];
  if (kind !== deployment.kind || name !== deployment.metadata?.name) {
    problems.push("HorizontalPodAutoscaler: scales something else");
  }
  if (!((spec?.minReplicas ?? 1) > Number(budget.spec?.minAvailable))) {
    problems.push("HorizontalPodAutoscaler: minReplicas leaves nothing to drain");
  }
  return problems;
}

/** Addresses that tell the ranges apart: the guard inside the program and the policy around it must agree on each. */
const SAMPLES = [
  ["93.184.215.14", "1.1.1.1", "2606:4700:4700::1111"],
  ["10.0.0.1", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.16.0.1", "172.31.255.1", "192.0.2.1"],
  ["192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1", "0.0.0.1"],
  ["fd00::1", "fe80::1", "2001:db8::1", "2002:a00:1::1", "3fff::1", "2001::1"],
].flat();

function networkProblems({ policy }: Cluster, maySend: (address: string) => boolean): string[] {
  const egress = policy.spec?.egress ?? [];
  const blocks = egress.flatMap(({ to }) => to ?? []).flatMap(({ ipBlock }) => ipBlock ?? []);
  const opens = (address: string): boolean =>
    blocks.some(({ cidr, except }) => isIn(address, [cidr]) && !isIn(address, except ?? []));
  const problems = SAMPLES.filter((address) => opens(address) !== maySend(address)).map(
    (address) => `NetworkPolicy: ${opens(address) ? "opens" : "closes"} ${address}, the program does not`,
  );
  const dns = egress.some(({ ports }) =>
    ports?.some(({ port, protocol }) => port === 53 && protocol === "UDP"),
  );
  if (!dns) problems.push("NetworkPolicy: no name can be looked up");
  if (!policy.spec?.policyTypes?.includes("Egress")) problems.push("NetworkPolicy: does not hold for egress");
  return problems;
}

function isIn(address: string, networks: readonly string[]): boolean {
  const family = address.includes(":") ? "ipv6" : "ipv4";
  const list = new BlockList();
  for (const network of networks.filter((one) => one.includes(":") === (family === "ipv6"))) {
    const [base = "", length] = network.split("/");
    list.addSubnet(base, Number(length), family);
  }
  return list.check(address, family);
}

function containerOf(template: IPodTemplateSpec | undefined): IContainer | undefined {
  return template?.spec?.containers[0];
}

/** Whether a selector has labels and all of them are there. */
function selects(selector: Labels | undefined, labels: Labels): boolean {
  const wanted = Object.entries(selector ?? {});
  return wanted.length > 0 && wanted.every(([name, value]) => labels[name] === value);
}

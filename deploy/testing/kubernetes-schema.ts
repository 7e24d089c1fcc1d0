import { join } from "node:path";
import * as apps from "kubernetes-models/apps/v1";
import * as autoscaling from "kubernetes-models/autoscaling/v2";
import * as batch from "kubernetes-models/batch/v1";
import * as networking from "kubernetes-models/networking.k8s.io/v1";
import * as policy from "kubernetes-models/policy/v1";
import * as core from "kubernetes-models/v1";
import ts from "typescript";
import { ROOT } from "./repository.ts";

/** A Kubernetes object as YAML gives it. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
}

interface Model {
  validate(): void;
}

const MODELS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  v1: core,
  "apps/v1": apps,
  "autoscaling/v2": autoscaling,
  "batch/v1": batch,
  "networking.k8s.io/v1": networking,
  "policy/v1": policy,
};

/**
 * What Kubernetes' own schemas have against these objects: values by the published OpenAPI schemas; names by the
 * types made of the same schemas, because OpenAPI ignores a field it does not know and the API server does not.
 */
export function schemaProblems(manifests: readonly Manifest[]): string[] {
  const unknown = manifests.filter((one) => modelOf(one) === null);
  if (unknown.length > 0) {
    return unknown.map(({ apiVersion, kind }) => `there is no ${apiVersion} ${kind} in Kubernetes`);
  }
  return [...manifests.flatMap((one) => valueProblems(one)), ...nameProblems(manifests)];
}

function modelOf({ apiVersion, kind }: Manifest): (new (data: object) => Model) | null {
  const model = MODELS[apiVersion]?.[kind];
  return typeof model === "function" ? (model as new (data: object) => Model) : null;
}

function valueProblems(manifest: Manifest): string[] {
  const model = modelOf(manifest);
  try {
    if (model) new model(manifest).validate();
    return [];
  } catch (error) {
    return [`${manifest.kind} ${manifest.metadata.name}: ${(error as Error).message}`];
  }
}

/** The library's own files do not change between two questions. */
const parsed = new Map<string, ts.SourceFile | undefined>();
let lastProgram: ts.Program | undefined;

/** Writes each object as a typed constant and lets the TypeScript compiler look for properties that are not known. */
function nameProblems(manifests: readonly Manifest[]): string[] {
  const lines = manifests.map(({ apiVersion, kind }, index) => {
    const path = JSON.stringify(`kubernetes-models/${apiVersion}`);
    return `export const manifest${index}: import(${path}).I${kind} = ${JSON.stringify(manifests[index])};`;
  });
  const file = join(ROOT, "deploy/testing/manifests.generated.ts");
  const options: ts.CompilerOptions = {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ES2024,
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    types: [],
  };
  const host = ts.createCompilerHost(options);
  const fromDisk = host.getSourceFile.bind(host);
  host.getSourceFile = (name, ...rest) => {
    if (name === file) return ts.createSourceFile(name, lines.join("\n"), rest[0]);
    if (!parsed.has(name)) parsed.set(name, fromDisk(name, ...rest));
    return parsed.get(name);
  };
  const program = ts.createProgram([file], options, host, lastProgram);
  lastProgram = program;
  const source = program.getSourceFile(file);
  return program.getSemanticDiagnostics(source).map(({ start = 0, messageText }) => {
    const at = manifests[source?.getLineAndCharacterOfPosition(start).line ?? 0];
    return `${at?.kind} ${at?.metadata.name}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`;
  });
}

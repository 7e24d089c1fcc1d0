import {
  type Copy,
  type Dockerfile,
  DockerfileParser,
  type Instruction,
  type JSONInstruction,
} from "dockerfile-ast";
import { validate } from "dockerfile-utils";
import type { Program } from "./repository.ts";

const SECRET_NAME = /KEY|TOKEN|SECRET|PASSWORD|DATABASE/;

/** What the final stage of an image says, and what its build takes from the repository. */
export interface Image {
  /** The program and its first arguments. */
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly healthcheck: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly user: string;
  readonly volumes: readonly string[];
  readonly ports: readonly number[];
  /** `COPY from to`, of every stage, from the build context only; `to` is absolute. */
  readonly copies: readonly { readonly from: string; readonly to: string }[];
  readonly runs: readonly string[];
  readonly bases: readonly {
    readonly image: string;
    readonly tag: string | null;
    readonly digest: string | null;
  }[];
}

export function parseImage(text: string): Image {
  const dockerfile = DockerfileParser.parse(text);
  const all = dockerfile.getInstructions();
  const lastFrom = all.findLastIndex((one) => one.getKeyword() === "FROM");
  const final = all.slice(lastFrom);
  const last = (keyword: string): Instruction | undefined =>
    final.findLast((one) => one.getKeyword() === keyword);
  const stages = new Set(dockerfile.getFROMs().map((from) => from.getBuildStage()));
  return {
    entrypoint: jsonStrings(last("ENTRYPOINT")),
    cmd: jsonStrings(last("CMD")),
    healthcheck: healthcheckOf(last("HEALTHCHECK")),
    env: envOf(dockerfile, lastFrom === -1 ? null : final),
    user: last("USER")?.getArgumentsContent() ?? "",
    volumes: final.filter((one) => one.getKeyword() === "VOLUME").flatMap((one) => words(one)),
    ports: final
      .filter((one) => one.getKeyword() === "EXPOSE")
      .flatMap((one) => words(one).map((port) => Number.parseInt(port, 10))),
    copies: copiesOf(all),
    runs: all.filter((one) => one.getKeyword() === "RUN").map((one) => one.getArgumentsContent() ?? ""),
    bases: dockerfile
      .getFROMs()
      .filter((from) => !stages.has(from.getImage()))
      .map((from) => ({
        image: from.getImageName() ?? "",
        tag: from.getImageTag(),
        digest: from.getImageDigest(),
      })),
  };
}

/** Everything that is wrong with a Dockerfile, one sentence each. `isInContext`: the repository has it and .dockerignore lets it in. */
export function dockerfileProblems(
  text: string,
  program: Program,
  isInContext: (path: string) => boolean,
): string[] {
  const image = parseImage(text);
  const linted = validate(text).map(
    ({ message, range }) =>
      `line ${range.start.line + 1}: ${typeof message === "string" ? message : message.value}`,
  );
  return [
    ...linted,
    ...baseProblems(image, program),
    ...processProblems(image, program),
    ...environmentProblems(text, image, program),
    ...contextProblems(text, image, isInContext),
  ];
}

function baseProblems({ bases }: Image, program: Program): string[] {
  return bases.flatMap(({ image, tag, digest }) => {
    if ((tag === null || tag === "latest") && digest === null) return [`base ${image} is not pinned`];
    if (image === "node" && tag?.split("-")[0] !== program.node) {
      return [`base node:${tag} is not the Node of package.json, ${program.node}`];
    }
    return [];
  });
}

function processProblems({ entrypoint, cmd, healthcheck, user }: Image, program: Program): string[] {
  const problems: string[] = [];
  if (entrypoint.length === 0) problems.push("ENTRYPOINT is not in exec form: a shell would keep SIGTERM");
  else if (entrypoint[0] !== "node") problems.push("ENTRYPOINT runs something between node and SIGTERM");
  if (cmd.length === 0 || !program.commands.has(cmd[0] ?? "")) {
    problems.push("CMD is not a command of the program in exec form");
  }
  if (!/^[1-9]\d*(:[1-9]\d*)?$/.test(user)) {
    problems.push(`USER is "${user}": write a number other than 0, which Kubernetes can judge`);
  }
  if (healthcheck[0] !== "node") problems.push("HEALTHCHECK is not node in exec form");
  const path = /\/api\/v1[\w/]*/.exec(healthcheck.join(" "))?.[0] ?? "";
  if (!program.getPaths.has(path))
    problems.push(`HEALTHCHECK asks for "${path}", which the API does not have`);
  return problems;
}

function environmentProblems(text: string, { env, volumes, ports }: Image, program: Program): string[] {
  const problems: string[] = [];
  for (const name of namesSet(text)) {
    if (SECRET_NAME.test(name))
      problems.push(`${name} looks like a secret: it would be in every copy of the image`);
    if (name.startsWith("POSTHASTE_") && !program.variables.has(name)) {
      problems.push(`${name} is not a variable of the program`);
    }
  }
  if (env["POSTHASTE_HOST"] !== "0.0.0.0") problems.push("POSTHASTE_HOST must be 0.0.0.0 in a container");
  if (!volumes.includes(env["POSTHASTE_DATA"] ?? "")) problems.push("POSTHASTE_DATA is not a VOLUME");
  if (!ports.includes(program.defaultPort)) problems.push(`EXPOSE does not name ${program.defaultPort}`);
  return problems;
}

function contextProblems(text: string, image: Image, isInContext: (path: string) => boolean): string[] {
  const problems = image.copies
    .filter(({ from }) => !isInContext(from))
    .map(({ from }) => `COPY ${from}: not in the build context`);
  if (/^\s*ADD\s/im.test(text)) problems.push("ADD fetches and unpacks: use COPY");
  for (const run of image.runs) {
    if (/\b(curl|wget)\b[^|]*\|\s*(ba|da)?sh\b/.test(run))
      problems.push(`RUN ${run}: runs what it downloads`);
    if (/\bnpm (i|install)\b/.test(run))
      problems.push(`RUN ${run}: does not hold to the lockfile, use npm ci`);
    if (/\bnpm ci\b/.test(run) && !(run.includes("--omit=dev") && run.includes("--ignore-scripts"))) {
      problems.push(`RUN ${run}: without --omit=dev --ignore-scripts`);
    }
  }
  return problems;
}

function copiesOf(instructions: readonly Instruction[]): { from: string; to: string }[] {
  let workdir = "/";
  return instructions.flatMap((one) => {
    if (one.getKeyword() === "WORKDIR") workdir = one.getArgumentsContent() ?? workdir;
    if (one.getKeyword() !== "COPY" || hasFlag(one as Copy, "from")) return [];
    const paths = words(one).filter((word) => !word.startsWith("--"));
    const to = paths.at(-1) ?? "";
    const target = to.startsWith("/") ? to : `${workdir}/${to}`;
    const intoFolder = target.endsWith("/") || paths.length > 2;
    return paths.slice(0, -1).map((from) => ({ from, to: intoFolder ? `${target}/${from}` : target }));
  });
}

function hasFlag(instruction: Copy, name: string): boolean {
  return instruction.getFlags().some((flag) => flag.getName() === name);
}

function envOf(dockerfile: Dockerfile, final: readonly Instruction[] | null): Record<string, string> {
  const inFinal = dockerfile.getENVs().filter((one) => final?.includes(one));
  const properties = inFinal.flatMap((one) => one.getProperties());
  return Object.fromEntries(properties.map((one) => [one.getName(), one.getValue() ?? ""]));
}

/** Every name that an ENV or ARG of any stage sets. */
function namesSet(text: string): string[] {
  const dockerfile = DockerfileParser.parse(text);
  const args = dockerfile.getInstructions().filter((one) => one.getKeyword() === "ARG");
  return [
    ...dockerfile.getENVs().flatMap((one) => one.getProperties().map((property) => property.getName())),
    ...args.flatMap((one) => words(one).map((word) => word.split("=")[0] ?? "")),
  ];
}

function healthcheckOf(instruction: Instruction | undefined): readonly string[] {
  const exec = /CMD\s+(\[.*\])\s*$/s.exec(instruction?.getArgumentsContent() ?? "")?.[1];
  return exec === undefined ? [] : parseStrings(exec);
}

function jsonStrings(instruction: Instruction | undefined): readonly string[] {
  if (!instruction || (instruction as JSONInstruction).getOpeningBracket() === null) return [];
  return parseStrings(instruction.getArgumentsContent() ?? "[]");
}

function parseStrings(text: string): readonly string[] {
  try {
    return JSON.parse(text) as string[];
  } catch {
    return [];
  }
}

function words(instruction: Instruction): string[] {
  return instruction.getArguments().map((argument) => argument.getValue());
}

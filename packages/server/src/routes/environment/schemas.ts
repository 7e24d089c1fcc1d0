import {
  type Environment,
  ENVIRONMENT_NAME_MAX_CHARS,
  type EnvironmentType,
} from "@posthaste/core/domain/environment";
import { PosthasteError } from "@posthaste/core/domain/errors";
import { toIso } from "@posthaste/core/domain/time";
import { Type } from "typebox";
import { idPattern, TEXT_PATTERN } from "../../patterns.ts";
import { environmentIdOf, WIRE_PREFIX, wireEnvironmentId } from "../environment-id.ts";
import { Name, named, Time } from "../fields.ts";

/** An environment in a path, for whoever may name more than one. */
export const EnvironmentRef = Type.String({ ...Name, description: "The environment's id: org_… or env_…." });
export const EnvironmentPath = Type.Object({ env_id: EnvironmentRef });

const EnvironmentName = Type.String({
  minLength: 1,
  maxLength: ENVIRONMENT_NAME_MAX_CHARS,
  pattern: TEXT_PATTERN,
  description: "No other environment has it. Keys are named after it: phk_staging_… for Staging.",
  examples: ["Staging"],
});
const EnvironmentTypeName = named(
  "EnvironmentType",
  Type.Unsafe<EnvironmentType>({
    type: "string",
    enum: ["development", "production"],
    description: "What it is for. Nothing follows from it here.",
  }),
);

export const EnvironmentModelIn = named(
  "EnvironmentModelIn",
  Type.Object({ name: EnvironmentName, type: EnvironmentTypeName }),
);
export const EnvironmentModelUpdate = named("EnvironmentModelUpdate", Type.Object({ name: EnvironmentName }));

export const EnvironmentModelOut = named(
  "EnvironmentModelOut",
  Type.Object({
    id: Type.String({ pattern: idPattern(WIRE_PREFIX) }),
    name: Type.String(),
    type: EnvironmentTypeName,
    region: named("EnvironmentRegion", Type.Unsafe<"self-hosted">({ type: "string", enum: ["self-hosted"] })),
    createdAt: Time,
    updatedAt: Time,
  }),
);

/** An environment as the API shows it. */
export function environmentText({ id, name, type, createdAt, updatedAt }: Environment): string {
  return JSON.stringify({
    id: wireEnvironmentId(id),
    name,
    type,
    region: "self-hosted",
    createdAt: toIso(createdAt),
    updatedAt: toIso(updatedAt),
  });
}

/** An environment by what a path calls it; 404 when there is none. */
export async function namedEnvironment(
  { env_id: ref }: { env_id: string },
  { store }: { store: { environments: { find(id: string): Promise<Environment | null> } } },
): Promise<Environment> {
  const found = await store.environments.find(environmentIdOf(ref));
  if (found === null) throw new PosthasteError("not_found", "No environment has this id.");
  return found;
}

/** 409: another environment has this name. */
export function nameTaken(): PosthasteError {
  return new PosthasteError("conflict", "An environment with this name already exists.");
}

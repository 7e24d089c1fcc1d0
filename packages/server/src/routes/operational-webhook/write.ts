import type { Endpoint } from "@posthaste/core/domain/endpoint";
import { OPERATIONAL_ENDPOINTS_MAX } from "@posthaste/core/domain/limits";
import { operationalAppId, operationalApplication } from "@posthaste/core/domain/operational";
import type { Idempotent } from "@posthaste/core/storage/port";
import type { Answer } from "../../answer.ts";
import type { Services } from "../../route.ts";
import { findEndpoint } from "../application/find.ts";
import { changeEndpoint, type EndpointKind, insertEndpoint } from "../endpoint/write.ts";
import { operationalEndpointText } from "./schemas.ts";

const OPERATIONAL: EndpointKind = {
  noun: "operational endpoint",
  owner: "An environment",
  max: OPERATIONAL_ENDPOINTS_MAX,
  toText: operationalEndpointText,
};

interface Named {
  readonly environmentId: string;
  readonly params: { readonly endpoint_id: string };
}

/** The operational endpoints of an environment, from memory. */
export async function operationalEndpoints(
  environmentId: string,
  { engine }: Services,
): Promise<readonly Endpoint[]> {
  return (await engine.operational.find(environmentId))?.endpoints ?? [];
}

/** The one an id or uid names; 404 when this environment has none of that name. */
export async function findOperationalEndpoint(
  { environmentId, params }: Named,
  services: Services,
): Promise<Endpoint> {
  return findEndpoint(await operationalEndpoints(environmentId, services), params.endpoint_id);
}

/** Stores a new one, with the application that owns them all if it is the first. */
export async function insertOperationalEndpoint(
  environmentId: string,
  endpoint: Endpoint,
  { services, remember }: { services: Services; remember: (answer: Answer) => Idempotent },
): Promise<Answer> {
  const { store, runtime, writes } = services;
  await store.applications.ensureOperational(operationalApplication(environmentId, runtime.clock.now()));
  return writes.run(endpoint.appId, () =>
    insertEndpoint(endpoint, { services, remember, kind: OPERATIONAL }),
  );
}

/** Changes it on top of whatever it is by then. */
export function changeOperationalEndpoint(
  { environmentId, params }: Named,
  options: { services: Services; change: (stored: Endpoint) => Endpoint; idempotent?: Idempotent },
): Promise<Endpoint> {
  const target = { appId: operationalAppId(environmentId), ref: params.endpoint_id };
  return changeEndpoint(target, { ...options, kind: OPERATIONAL });
}

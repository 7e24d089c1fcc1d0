import { PosthasteError } from "@posthaste/core/domain/errors";
import type { Endpoint } from "@posthaste/core/domain/endpoint";
import type { RoutedApplication } from "@posthaste/core/engine/engine";
import type { Services } from "../../route.ts";

/** The application an id or uid names, with its endpoints, from memory; 404 when this environment has none. */
export async function findApplication(
  { environmentId, params }: { environmentId: string; params: { app_id: string } },
  { engine }: Services,
): Promise<RoutedApplication> {
  const routed = await engine.findApplication({ environmentId, ref: params.app_id });
  if (routed === null) throw new PosthasteError("not_found", "No application has this id or uid.");
  return routed;
}

/** The endpoint an id or uid names among these; 404 when none has it. */
export function findEndpoint(endpoints: readonly Endpoint[], ref: string): Endpoint {
  const endpoint = endpoints.find(({ id, uid }) => id === ref || uid === ref);
  if (endpoint === undefined) throw new PosthasteError("not_found", "No endpoint has this id or uid.");
  return endpoint;
}

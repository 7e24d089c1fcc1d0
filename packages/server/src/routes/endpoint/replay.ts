import { PosthasteError } from "@posthaste/core/domain/errors";
import type { ReplayFilter, ReplayWork } from "@posthaste/core/domain/task";
import { Type } from "typebox";
import type { Answer } from "../../answer.ts";
import type { Remember } from "../../idempotency.ts";
import type { Services } from "../../route.ts";
import { findApplication, findEndpoint } from "../application/find.ts";
import { startTask } from "../background-task/schemas.ts";
import { nullable, Time } from "../fields.ts";
import { spanOf } from "../time-span.ts";

/** Which messages: by when they were made. */
export const spanFields = {
  since: Type.String({ ...Time, description: "Messages made at or after this time." }),
  until: Type.Optional(nullable({ ...Time, description: "Made before this time; default: now." })),
};

/** Starts a task that owes an endpoint messages of a span of time once more. */
export async function startReplay(
  call: {
    environmentId: string;
    params: { app_id: string; endpoint_id: string };
    body: { since: string; until?: string | null };
    remember: Remember;
  },
  { kind, filter = {} }: { kind: ReplayWork["kind"]; filter?: ReplayFilter },
  services: Services,
): Promise<Answer> {
  const { application, endpoints } = await findApplication(call, services);
  const endpoint = findEndpoint(endpoints, call.params.endpoint_id);
  const span = spanOf(call.body, { now: services.runtime.clock.now(), place: "body" });
  if (endpoint.disabled) throw new PosthasteError("endpoint_disabled");
  const work = { kind, appId: application.id, endpointId: endpoint.id, ...span, filter };
  return startTask(call, work, { services });
}

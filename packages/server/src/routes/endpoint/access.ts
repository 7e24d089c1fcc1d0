import type { Endpoint } from "@posthaste/core/domain/endpoint";
import { type ReceiverAccess, withAccess } from "@posthaste/core/domain/receiver-access";
import type { Services } from "../../route.ts";
import { findApplication, findEndpoint } from "../application/find.ts";
import { changeEndpoint } from "./write.ts";

interface AccessCall {
  readonly environmentId: string;
  readonly params: { readonly app_id: string; readonly endpoint_id: string };
}

/** What the receiver of the endpoint that a path names asks of us; null = nothing. */
export async function findAccess(call: AccessCall, services: Services): Promise<ReceiverAccess | null> {
  const { endpoints } = await findApplication(call, services);
  return findEndpoint(endpoints, call.params.endpoint_id).access;
}

/** Changes a part of it, on top of whatever the rest is by then. */
export async function changeAccess(
  call: AccessCall,
  { services, change }: { services: Services; change: Partial<ReceiverAccess> },
): Promise<void> {
  const { application } = await findApplication(call, services);
  await changeEndpoint(
    { appId: application.id, ref: call.params.endpoint_id },
    {
      services,
      change: (stored: Endpoint) => ({ ...stored, access: withAccess(stored.access, change) }),
    },
  );
}

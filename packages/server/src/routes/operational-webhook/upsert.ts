import { ID_PREFIX } from "@posthaste/core/domain/ids";
import { operationalAppId } from "@posthaste/core/domain/operational";
import { idPattern } from "../../patterns.ts";
import { environmentRoute } from "../../route.ts";
import { assertEndpoint, editableFields, newEndpoint, switched } from "../endpoint/write.ts";
import {
  OperationalEndpointPath,
  operationalEndpointText,
  OperationalWebhookEndpointOut,
  OperationalWebhookEndpointUpsertIn,
} from "./schemas.ts";
import { changeOperationalEndpoint, insertOperationalEndpoint, operationalEndpoints } from "./write.ts";

const IS_ID = new RegExp(idPattern(ID_PREFIX.endpoint));

export const upsertOperationalEndpoint = environmentRoute({
  method: "PUT",
  path: "/api/v1/operational-webhook/endpoint/:endpoint_id",
  operationId: "v1.operational-webhook.endpoint.upsert",
  tag: "Operational Webhook",
  scope: "write:operational-webhook",
  summary: "Upsert Operational Webhook Endpoint",
  description:
    "Replaces the endpoint's fields, those left out get their defaults; its secret and headers stay. Creates it " +
    "(200, as in Svix's contract) when there is none; a new one without `uid` gets the one in the path.",
  params: OperationalEndpointPath,
  body: OperationalWebhookEndpointUpsertIn,
  answers: { 200: OperationalWebhookEndpointOut },
  async handle(call, services) {
    const { environmentId, body } = call;
    const ref = call.params.endpoint_id;
    await assertEndpoint({ ...body, eventTypes: null }, { environmentId, services });
    const endpoints = await operationalEndpoints(environmentId, services);
    if (endpoints.some(({ id, uid }) => id === ref || uid === ref)) {
      const now = services.runtime.clock.now();
      const changed = await changeOperationalEndpoint(call, {
        services,
        change: (stored) => ({
          ...stored,
          ...editableFields(body),
          ...switched(stored, { disabled: body.disabled ?? false, now }),
        }),
      });
      return { status: 200, text: operationalEndpointText(changed) };
    }
    const fresh = newEndpoint(body, { appId: operationalAppId(environmentId), services });
    const endpoint = { ...fresh, uid: fresh.uid ?? (IS_ID.test(ref) ? null : ref) };
    const created = await insertOperationalEndpoint(environmentId, endpoint, {
      services,
      remember: () => ({}),
    });
    return { ...created, status: 200 };
  },
});

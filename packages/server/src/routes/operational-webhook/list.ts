import { ID_PREFIX } from "@posthaste/core/domain/ids";
import { operationalAppId } from "@posthaste/core/domain/operational";
import { Type } from "typebox";
import { listAnswer } from "../../paging.ts";
import { environmentRoute } from "../../route.ts";
import { listOf, orderField, pageFields } from "../fields.ts";
import { OperationalWebhookEndpointOut, operationalEndpointText } from "./schemas.ts";

export const listOperationalEndpoints = environmentRoute({
  method: "GET",
  path: "/api/v1/operational-webhook/endpoint",
  operationId: "v1.operational-webhook.endpoint.list",
  tag: "Operational Webhook",
  scope: "read:operational-webhook",
  summary: "List Operational Webhook Endpoints",
  description: "The operational endpoints of the environment, newest first.",
  query: Type.Object({ ...pageFields(ID_PREFIX.endpoint), ...orderField }),
  answers: { 200: listOf(OperationalWebhookEndpointOut) },
  handle: ({ environmentId, query }, { store }) =>
    listAnswer({
      query,
      defaultOrder: "descending",
      read: (page) => store.endpoints.list({ appId: operationalAppId(environmentId), page }),
      idOf: ({ id }) => id,
      toText: operationalEndpointText,
    }),
});

import { ID_PREFIX } from "@posthaste/core/domain/ids";
import { Type } from "typebox";
import { listAnswer } from "../../paging.ts";
import { environmentRoute } from "../../route.ts";
import { findApplication } from "../application/find.ts";
import { AppPath, listOf, orderField, pageFields } from "../fields.ts";
import { EndpointOut, endpointText } from "./schemas.ts";

export const listEndpoints = environmentRoute({
  method: "GET",
  path: "/api/v1/app/:app_id/endpoint",
  operationId: "v1.endpoint.list",
  tag: "Endpoint",
  scope: "read:endpoint",
  summary: "List Endpoints",
  description: "The endpoints of the application, newest first.",
  params: AppPath,
  query: Type.Object({ ...pageFields(ID_PREFIX.endpoint), ...orderField }),
  answers: { 200: listOf(EndpointOut) },
  async handle(call, services) {
    const { application } = await findApplication(call, services);
    return listAnswer({
      query: call.query,
      defaultOrder: "descending",
      read: (page) => services.store.endpoints.list({ appId: application.id, page }),
      idOf: ({ id }) => id,
      toText: endpointText,
    });
  },
});

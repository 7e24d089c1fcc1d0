import { ID_PREFIX } from "@posthaste/core/domain/ids";
import { Type } from "typebox";
import { listAnswer } from "../../paging.ts";
import { environmentRoute } from "../../route.ts";
import { findApplication } from "../application/find.ts";
import { AppPath, listOf, orderField, pageFields } from "../fields.ts";
import { DestinationOut, destinationText } from "./schemas.ts";

export const listDestinations = environmentRoute({
  method: "GET",
  path: "/api/v1/app/:app_id/destination",
  operationId: "v1.destination.list",
  tag: "Polling",
  scope: "read:poller",
  summary: "List Polling Endpoints",
  description: "The application's polling endpoints, oldest first.",
  params: AppPath,
  query: Type.Object({
    ...pageFields(ID_PREFIX.pollingEndpoint),
    iterator: Type.Optional(Type.String({ pattern: `^-?${ID_PREFIX.pollingEndpoint}[A-Za-z0-9]{22}$` })),
    ...orderField,
  }),
  answers: { 200: listOf(DestinationOut) },
  async handle(call, services) {
    const { pollingEndpoints } = await findApplication(call, services);
    return listAnswer({
      query: call.query,
      defaultOrder: "ascending",
      read: async ({ order, after, limit }) => {
        const inOrder = order === "ascending" ? pollingEndpoints : pollingEndpoints.toReversed();
        const beyond = inOrder.filter(
          ({ id }) => after === null || (order === "ascending" ? id > after : id < after),
        );
        return beyond.slice(0, limit);
      },
      idOf: ({ id }) => id,
      toText: destinationText,
    });
  },
});

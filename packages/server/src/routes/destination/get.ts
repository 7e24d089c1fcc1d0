import { environmentRoute } from "../../route.ts";
import { findApplication } from "../application/find.ts";
import { DestinationOut, DestinationPath, destinationText, findPollingEndpoint } from "./schemas.ts";

export const getDestination = environmentRoute({
  method: "GET",
  path: "/api/v1/app/:app_id/destination/:destination_id",
  operationId: "v1.destination.get",
  tag: "Polling",
  scope: "read:poller",
  summary: "Get Polling Endpoint",
  description: "One polling endpoint.",
  params: DestinationPath,
  answers: { 200: DestinationOut },
  async handle(call, services) {
    const { pollingEndpoints } = await findApplication(call, services);
    const endpoint = findPollingEndpoint(pollingEndpoints, call.params.destination_id);
    return { status: 200, text: destinationText(endpoint) };
  },
});

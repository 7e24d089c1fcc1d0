import type { Endpoint } from "@posthaste/core/domain/endpoint";
import { ID_PREFIX } from "@posthaste/core/domain/ids";
import type { Message } from "@posthaste/core/domain/message";
import type { Page } from "@posthaste/core/storage/port";
import type { Standing } from "@posthaste/core/storage/port-overview";
import { Type } from "typebox";
import { listAnswer } from "../../paging.ts";
import { environmentRoute, type Services } from "../../route.ts";
import { findApplication } from "../application/find.ts";
import { standingFields, standingOut } from "../delivery-standing.ts";
import { listOf, MessagePath, named, pageFields } from "../fields.ts";
import { EndpointOut, endpointText } from "../endpoint/schemas.ts";
import { findMessage } from "../message/find.ts";

const MessageEndpointOut = named(
  "MessageEndpointOut",
  Type.Object({ ...EndpointOut.properties, ...standingFields }),
);

export const listAttemptedDestinations = environmentRoute({
  method: "GET",
  path: "/api/v1/app/:app_id/msg/:msg_id/endpoint",
  operationId: "v1.message-attempt.list-attempted-destinations",
  tag: "Message Attempt",
  scope: "read:attempt",
  summary: "List Attempted Destinations",
  description: "The endpoints a message is or was for, newest first, and how it stands at each.",
  params: MessagePath,
  query: Type.Object(pageFields(ID_PREFIX.endpoint)),
  answers: { 200: listOf(MessageEndpointOut) },
  async handle(call, services) {
    const { application, endpoints } = await findApplication(call, services);
    const message = await findMessage({ appId: application.id, ref: call.params.msg_id }, services);
    return listAnswer({
      query: call.query,
      defaultOrder: "descending",
      read: (page) => readDestinations({ message, endpoints, page }, services),
      idOf: ({ endpoint }) => endpoint.id,
      toText({ endpoint, standing }) {
        const shown = standingOut(standing, { expanded: true, createdAt: message.createdAt });
        return `${endpointText(endpoint).slice(0, -1)},${JSON.stringify(shown).slice(1)}`;
      },
    });
  },
});

interface Destination {
  readonly endpoint: Endpoint;
  readonly standing: Standing;
}

/** Endpoint by endpoint, at most those of one application: their number is bounded, that of attempts is not. */
async function readDestinations(
  request: { message: Message; endpoints: readonly Endpoint[]; page: Page },
  { store }: Services,
): Promise<Destination[]> {
  const { message, endpoints, page } = request;
  const { after, limit } = page;
  const ascending = page.order === "ascending";
  const beyond = endpoints
    .filter(({ id }) => after === null || (ascending ? id > after : id < after))
    .toSorted((a, b) => (a.id < b.id === ascending ? -1 : 1));
  const found: Destination[] = [];
  for (const endpoint of beyond) {
    const [standing] = await store.overview.listStandings({
      appId: message.appId,
      endpointId: endpoint.id,
      messageIds: [message.id],
    });
    if (standing !== undefined) found.push({ endpoint, standing });
    if (found.length === limit) break;
  }
  return found;
}

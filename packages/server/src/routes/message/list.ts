import { ID_PREFIX } from "@posthaste/core/domain/ids";
import { Type } from "typebox";
import { listAnswer } from "../../paging.ts";
import { environmentRoute } from "../../route.ts";
import { findApplication } from "../application/find.ts";
import { AppPath, listOf, pageFields } from "../fields.ts";
import { historyFilters, historyQuery } from "../history-filters.ts";
import { MessageOut, messageText, shownPayload, WithContent } from "./schemas.ts";

export const listMessages = environmentRoute({
  method: "GET",
  path: "/api/v1/app/:app_id/msg",
  operationId: "v1.message.list",
  tag: "Message",
  scope: "read:message",
  summary: "List Messages",
  description: "The messages of the application, newest first.",
  params: AppPath,
  query: Type.Object({ ...pageFields(ID_PREFIX.message), ...historyFilters, with_content: WithContent }),
  answers: { 200: listOf(MessageOut) },
  async handle(call, services) {
    const { query } = call;
    const { application } = await findApplication(call, services);
    const withContent = query.with_content ?? true;
    const filters = { appId: application.id, ...historyQuery(query), withPayload: withContent };
    return listAnswer({
      query,
      defaultOrder: "descending",
      read: (page) => services.store.history.listMessages({ ...filters, page }),
      idOf: ({ id }) => id,
      toText: (message) => messageText(message, shownPayload(message, { withContent })),
    });
  },
});

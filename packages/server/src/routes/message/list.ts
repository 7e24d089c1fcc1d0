import { ID_PREFIX } from "@posthaste/core/domain/ids";
import { LIST_SCAN_ROWS } from "@posthaste/core/domain/limits";
import { Type } from "typebox";
import { lookAnswer } from "../../paging.ts";
import { environmentRoute } from "../../route.ts";
import { findApplication } from "../application/find.ts";
import { AppPath, listOf, pageFields } from "../fields.ts";
import { historyFilters, historyQuery } from "../history-filters.ts";
import { findMessages } from "./find.ts";
import { MessageOut, messageText, shownPayload, WithContent } from "./schemas.ts";

export const listMessages = environmentRoute({
  method: "GET",
  path: "/api/v1/app/:app_id/msg",
  operationId: "v1.message.list",
  tag: "Message",
  scope: "read:message",
  summary: "List Messages",
  description:
    `The messages of the application, newest first. With filters one call looks through ${LIST_SCAN_ROWS} messages at ` +
    "most and may answer fewer than the limit, or none: go on with `iterator` until `done`.",
  params: AppPath,
  query: Type.Object({ ...pageFields(ID_PREFIX.message), ...historyFilters, with_content: WithContent }),
  answers: { 200: listOf(MessageOut) },
  async handle(call, services) {
    const { query } = call;
    const { application } = await findApplication(call, services);
    const withContent = query.with_content ?? true;
    const filters = { appId: application.id, ...historyQuery(query), withPayload: withContent };
    return lookAnswer({
      query,
      defaultOrder: "descending",
      look: (page) => findMessages({ ...filters, words: [], page }, services),
      idOf: ({ id }) => id,
      toText: (message) => messageText(message, shownPayload(message, { withContent })),
    });
  },
});

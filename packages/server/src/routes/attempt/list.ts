import type { AttemptQuery } from "@posthaste/core/storage/port";
import type { Answer } from "../../answer.ts";
import { lookAnswer, type PageQuery } from "../../paging.ts";
import type { Services } from "../../route.ts";
import { historyQuery } from "../history-filters.ts";
import { attemptText, statusFilter } from "./schemas.ts";

interface AttemptListQuery extends PageQuery {
  readonly status?: number;
  readonly status_code_class?: number;
  readonly channel?: string;
  readonly tag?: string;
  readonly event_types?: readonly string[];
  readonly before?: string;
  readonly after?: string;
  readonly with_content?: boolean;
  readonly with_msg?: boolean;
  readonly expanded_statuses?: boolean;
}

/** One page of an endpoint's or a message's attempts, newest first. */
export function attemptListAnswer(
  query: AttemptListQuery,
  { of, services }: { of: Pick<AttemptQuery, "appId" | "endpointId" | "messageId">; services: Services },
): Promise<Answer> {
  const status = statusFilter(query.status);
  const withContent = query.with_content ?? true;
  const expanded = query.expanded_statuses ?? false;
  const withMessage = query.with_msg ?? false;
  const filters = {
    ...of,
    ...historyQuery(query),
    statusCodeClass: query.status_code_class,
    withBody: withContent,
    withMessage,
  };
  return lookAnswer({
    query,
    defaultOrder: "descending",
    look: async (page) => {
      if (status === null) return { items: [], after: null };
      const { attempts, after } = await services.store.search.findAttempts({ ...filters, status, page });
      return { items: attempts, after };
    },
    idOf: ({ attempt }) => attempt.id,
    toText: ({ attempt, message }) =>
      attemptText(attempt, { expanded, withContent, message: withMessage ? message : null }),
  });
}

import { Type } from "typebox";
import { jsonAnswer } from "../../answer.ts";
import { environmentRoute } from "../../route.ts";
import { findApplication, findEndpoint } from "../application/find.ts";
import { EndpointPath, named } from "../fields.ts";
import { historyFilters, historyQuery } from "../history-filters.ts";
import { attemptListFields, statusFilter } from "./schemas.ts";
import { Tally } from "./tally.ts";

const CountOut = named(
  "CountOut",
  Type.Object({
    count: Type.Integer({ minimum: 0 }),
    approximated: Type.Boolean({ description: "true: there are at least this many, more were not counted." }),
  }),
);

export const countAttemptsByEndpoint = environmentRoute({
  method: "GET",
  path: "/api/v1/app/:app_id/attempt/endpoint/:endpoint_id/count",
  operationId: "v1.message-attempt.count-by-endpoint",
  tag: "Message Attempt",
  scope: "read:attempt",
  summary: "Count Attempts By Endpoint",
  description: "How many attempts were made at an endpoint; narrowed like the list of them.",
  params: EndpointPath,
  query: Type.Object({
    status: attemptListFields.status,
    status_code_class: attemptListFields.status_code_class,
    ...historyFilters,
  }),
  answers: { 200: CountOut },
  async handle(call, services) {
    const { query } = call;
    const { application, endpoints } = await findApplication(call, services);
    const { id: endpointId } = findEndpoint(endpoints, call.params.endpoint_id);
    const status = statusFilter(query.status);
    // No attempt is recorded as pending or sending.
    if (status === null) return jsonAnswer(200, { count: 0, approximated: false });
    const lane = { appId: application.id, endpointId };
    const filters = {
      ...historyQuery(query),
      status,
      statusCodeClass: query.status_code_class,
      spanMs: null,
    };
    let count = 0;
    const complete = await new Tally(services).attempts({ ...lane, ...filters }, (each) => {
      count += each.count;
    });
    return jsonAnswer(200, { count, approximated: !complete });
  },
});

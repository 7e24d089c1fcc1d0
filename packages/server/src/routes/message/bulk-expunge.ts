import { LIST_MAX } from "@posthaste/core/domain/limits";
import { Type } from "typebox";
import { jsonAnswer } from "../../answer.ts";
import { environmentRoute } from "../../route.ts";
import { findApplication } from "../application/find.ts";
import { AppPath, Name, named } from "../fields.ts";

type Result = "expunged" | "not-found";

const BulkExpungeContentsIn = named(
  "BulkExpungeContentsIn",
  Type.Object({
    ids: Type.Optional(
      Type.Array(Name, {
        default: [],
        maxItems: LIST_MAX,
        uniqueItems: true,
        description: `Ids or eventIds, at most ${LIST_MAX}.`,
      }),
    ),
  }),
);

const BulkExpungeContentsOut = named(
  "BulkExpungeContentsOut",
  Type.Object({
    results: Type.Record(
      Type.String(),
      Type.Unsafe<Result>({ type: "string", enum: ["expunged", "not-found"] }),
      {
        description: "What became of each of `ids`.",
      },
    ),
  }),
);

export const bulkExpungeMessages = environmentRoute({
  method: "POST",
  path: "/api/v1/app/:app_id/msg/bulk-expunge",
  operationId: "v1.message.bulk-expunge-content",
  tag: "Message",
  scope: "write:message",
  summary: "Delete Message Payloads",
  description: "Deletes the payloads of several messages for good, as `expunge-content` does of one.",
  params: AppPath,
  body: BulkExpungeContentsIn,
  answers: { 200: BulkExpungeContentsOut },
  async handle(call, services) {
    const { application } = await findApplication(call, services);
    const appId = application.id;
    const results: Record<string, Result> = {};
    const ids: string[] = [];
    for (const ref of call.body.ids ?? []) {
      const message = await services.store.history.findMessage({ appId, ref });
      results[ref] = message === null ? "not-found" : "expunged";
      if (message !== null) ids.push(message.id);
    }
    await services.engine.expungeMessages({ appId, ids });
    // Done again it comes to the same, so no answer is remembered.
    return jsonAnswer(200, { results });
  },
});

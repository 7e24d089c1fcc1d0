import { Type } from "typebox";
import { jsonAnswer } from "../../answer.ts";
import { environmentRoute } from "../../route.ts";
import { startedTask, startTask } from "../background-task/schemas.ts";
import { named } from "../fields.ts";
import { allEventTypes } from "./all.ts";
import { openapiDocument } from "./openapi-write.ts";

const OpenApiDocument = named(
  "OpenApiDocument",
  Type.Unsafe<object>({ type: "object", additionalProperties: true, description: "OpenAPI 3.1." }),
);

export const readOpenapiExport = environmentRoute({
  method: "GET",
  path: "/api/v1/event-type/export/openapi",
  operationId: "v1.event-type.read-openapi",
  tag: "Event Type",
  scope: "read:environment",
  summary: "Read Event Types As OpenAPI",
  description:
    "The event types of the environment as an OpenAPI 3.1 document, one webhook each, with the newest version of their " +
    "schemas; archived ones are left out. Importing it elsewhere makes them there. An addition to Svix's contract.",
  answers: { 200: OpenApiDocument },
  async handle({ environmentId }, services) {
    return jsonAnswer(200, openapiDocument(await allEventTypes(environmentId, services)));
  },
});

export const exportOpenapi = environmentRoute({
  method: "POST",
  path: "/api/v1/event-type/export/openapi",
  operationId: "v1.event-type.export-openapi",
  tag: "Event Type",
  scope: "write:task",
  summary: "Export OpenAPI",
  description:
    "Starts a background task, as Svix's contract has it. Once it has finished, looking at it " +
    "(`GET /api/v1/background-task/{task_id}`) gives the document as `data.openapi`, made of the event types that there " +
    "are at that moment. The same document is there without a task by `GET` on this path.",
  answers: { 202: startedTask("ExportEventTypeOut") },
  handle: (call, services) =>
    startTask(call, { kind: "sdk.generate", until: services.runtime.clock.now() }, { services }),
});

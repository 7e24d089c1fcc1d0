import { Type } from "typebox";
import { environmentRoute } from "../../route.ts";
import { ApplicationIn, ApplicationOut, applicationText } from "./schemas.ts";
import { assertApplication, insertApplication, newApplication, applicationUidTaken } from "./write.ts";

export const createApplication = environmentRoute({
  method: "POST",
  path: "/api/v1/app",
  operationId: "v1.application.create",
  tag: "Application",
  scope: "write:application",
  summary: "Create Application",
  description:
    "Creates an application: one of your customers, whose endpoints and messages are kept apart from all others. " +
    "With `get_if_exists` an application that has the uid already is the answer (200) instead of a conflict (409).",
  query: Type.Object({
    get_if_exists: Type.Optional(
      Type.Boolean({
        default: false,
        description: "Answer with the application of that uid if there is one.",
      }),
    ),
  }),
  body: ApplicationIn,
  answers: { 200: ApplicationOut, 201: ApplicationOut },
  async handle({ environmentId, query, body, remember }, services) {
    assertApplication(body);
    const application = newApplication(body, { environmentId, runtime: services.runtime });
    const answer = { status: 201, text: applicationText(application) };
    const result = await insertApplication(application, { services, idempotent: remember(answer) });
    if (result.kind === "inserted") return answer;
    if (query.get_if_exists !== true) throw applicationUidTaken();
    return { status: 200, text: applicationText(result.existing) };
  },
});

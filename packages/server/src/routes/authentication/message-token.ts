import { SECOND_MS } from "@posthaste/core/domain/time";
import { assertGrants } from "../../caller.ts";
import { issue } from "../../issue.ts";
import { environmentRoute } from "../../route.ts";
import { findApplication } from "../application/find.ts";
import { AppPath } from "../fields.ts";
import { ApiTokenOut, apiTokenText, CreateTokenIn } from "./schemas.ts";

export const createMessageToken = environmentRoute({
  method: "POST",
  path: "/api/v1/auth/app/:app_id/create-message-token",
  operationId: "v1.authentication.create-message-token",
  tag: "Authentication",
  scope: "write:portal",
  summary: "Create Message Token",
  description:
    "A token that sends messages to this application and does nothing else. It ends with its `expiry` or `expire-all`.",
  params: AppPath,
  body: CreateTokenIn,
  idempotency: "none",
  answers: { 200: ApiTokenOut },
  async handle(call, services) {
    const { environmentId, body, caller } = call;
    const { application } = await findApplication(call, services);
    assertGrants(caller, ["write:message"]);
    const expiresAt =
      body.expiry === undefined || body.expiry === null
        ? null
        : services.runtime.clock.now() + body.expiry * SECOND_MS;
    const issued = await issue(
      { kind: "message", environmentId, appId: application.id, name: body.name, expiresAt },
      services,
    );
    return { status: 200, text: apiTokenText(issued) };
  },
});

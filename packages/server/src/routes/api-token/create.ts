import { SECOND_MS } from "@posthaste/core/domain/time";
import { issue } from "../../issue.ts";
import { environmentRoute } from "../../route.ts";
import { ApiTokenOut, apiTokenText } from "../authentication/schemas.ts";
import { ApiTokenIn, assertScopes, KeysPath, pathEnvironment } from "./schemas.ts";

export const createApiToken = environmentRoute({
  method: "POST",
  path: "/api/v1/management/authentication/:env_id/api-token",
  operationId: "v1.management.authentication.create-api-token",
  tag: "Management",
  scope: "write:api-token",
  summary: "Create Api Token",
  description:
    "Makes an API key of the environment that the caller's key is of; with the operator's key, of any. It can be given " +
    "no permission that the caller's own key lacks (403). Its text is answered now and never again.",
  params: KeysPath,
  body: ApiTokenIn,
  idempotency: "none",
  answers: { 200: ApiTokenOut },
  async handle(call, services) {
    const { caller, body } = call;
    const environmentId = await pathEnvironment(call, services);
    const scopes = body.scopes ?? null;
    assertScopes(caller, scopes);
    const expiresAt =
      body.expiry === undefined || body.expiry === null
        ? null
        : services.runtime.clock.now() + body.expiry * SECOND_MS;
    const issued = await issue(
      { kind: "api_key", environmentId, name: body.name, scopes, expiresAt },
      services,
    );
    return { status: 200, text: apiTokenText(issued) };
  },
});

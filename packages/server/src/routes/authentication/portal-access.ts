import { invalidField } from "@posthaste/core/domain/errors";
import type { Credential } from "@posthaste/core/domain/credential";
import { SECOND_MS } from "@posthaste/core/domain/time";
import type { Static } from "typebox";
import { PORTAL_EXPIRY_DEFAULT_S } from "../../http-limits.ts";
import { issue } from "../../issue.ts";
import { jsonAnswer } from "../../answer.ts";
import { CAPABILITIES } from "../../permission.ts";
import { environmentRoute, type Services } from "../../route.ts";
import { createInline } from "../application/inline.ts";
import { AppPath } from "../fields.ts";
import { AppPortalAccessIn, AppPortalAccessOut } from "./schemas.ts";

export const createPortalAccess = environmentRoute({
  method: "POST",
  path: "/api/v1/auth/app-portal-access/:app_id",
  operationId: "v1.authentication.app-portal-access",
  tag: "Authentication",
  scope: "write:portal",
  summary: "Get Consumer App Portal Access",
  description:
    "A link that opens an application's portal and a token for it. Both are for that application alone and end " +
    "after `expiry` seconds, or with `expire-all` or `logout`. Every call makes new ones: an Idempotency-Key has no effect.",
  params: AppPath,
  body: AppPortalAccessIn,
  idempotency: "none",
  answers: { 200: AppPortalAccessOut },
  async handle({ environmentId, params, body, caller }, services) {
    const ref = params.app_id;
    const { application } =
      (await services.engine.findApplication({ environmentId, ref })) ??
      (await createInline(body.application, { caller, ref, services }));
    const session = sessionOf(body, { appId: application.id, environmentId, services });
    const [token, code] = await Promise.all([
      issue({ ...session, kind: "portal" }, services),
      issue({ ...session, kind: "one_time" }, services),
    ]);
    const key = { appId: application.id, oneTimeToken: code.text };
    // Behind the #: it reaches no server's log and no other site.
    const fragment = Buffer.from(JSON.stringify(key)).toString("base64");
    return jsonAnswer(200, { url: `${services.publicUrl()}/portal#key=${fragment}`, token: token.text });
  },
});

function sessionOf(
  body: Static<typeof AppPortalAccessIn>,
  { appId, environmentId, services }: { appId: string; environmentId: string; services: Services },
): Omit<Credential, "id" | "hash" | "kind" | "prefix" | "name" | "createdAt"> {
  if (body.readOnly === true && body.capabilities) {
    throw invalidField(["body", "readOnly"], "Leave it out where capabilities are given.");
  }
  const expiryS = body.expiry ?? PORTAL_EXPIRY_DEFAULT_S;
  return {
    environmentId,
    appId,
    scopes: body.readOnly === true ? ["ViewBase"] : (body.capabilities ?? CAPABILITIES),
    featureFlags: body.featureFlags ?? [],
    sessionId: body.sessionId ?? null,
    expiresAt: services.runtime.clock.now() + expiryS * SECOND_MS,
  };
}

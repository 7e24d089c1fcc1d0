import { invalidField } from "@posthaste/core/domain/errors";
import type { Credential } from "@posthaste/core/domain/credential";
import { SECOND_MS } from "@posthaste/core/domain/time";
import type { Static } from "typebox";
import { PORTAL_EXPIRY_DEFAULT_S } from "../../http-limits.ts";
import { assertGrants } from "../../caller.ts";
import { issue } from "../../issue.ts";
import { jsonAnswer } from "../../answer.ts";
import { CAPABILITIES, type Capability, permissionsOf } from "../../permission.ts";
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
    const scopes = capabilitiesOf(body);
    assertGrants(caller, permissionsOf(scopes));
    const ref = params.app_id;
    const { application } =
      (await services.engine.findApplication({ environmentId, ref })) ??
      (await createInline(body.application, { caller, ref, services }));
    const session = { ...sessionOf(body, services), appId: application.id, environmentId, scopes };
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
  { runtime }: Services,
): Pick<Credential, "featureFlags" | "sessionId" | "expiresAt"> {
  const expiryS = body.expiry ?? PORTAL_EXPIRY_DEFAULT_S;
  return {
    featureFlags: body.featureFlags ?? [],
    sessionId: body.sessionId ?? null,
    expiresAt: runtime.clock.now() + expiryS * SECOND_MS,
  };
}

function capabilitiesOf({ readOnly, capabilities }: Static<typeof AppPortalAccessIn>): readonly Capability[] {
  if (readOnly !== true) return capabilities ?? CAPABILITIES;
  if (!capabilities) return ["ViewBase"];
  throw invalidField(["body", "readOnly"], "Leave it out where capabilities are given.");
}

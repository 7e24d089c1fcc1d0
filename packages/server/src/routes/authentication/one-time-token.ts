import { environmentOfToken, shownPart } from "@posthaste/core/domain/credential";
import { isPortalReadOnly } from "@posthaste/core/domain/environment";
import { PosthasteError } from "@posthaste/core/domain/errors";
import { jsonAnswer } from "../../answer.ts";
import { hashToken } from "../../auth.ts";
import { ONE_TIME_TOKEN_MS } from "../../http-limits.ts";
import { newText } from "../../issue.ts";
import { viewingOnly } from "../../permission.ts";
import { publicRoute } from "../../route.ts";
import { OneTimeTokenIn, OneTimeTokenOut } from "./schemas.ts";

export const exchangeOneTimeToken = publicRoute({
  method: "POST",
  path: "/api/v1/auth/one-time-token",
  operationId: "v1.authentication.exchange-one-time-token",
  tag: "Authentication",
  scope: "public",
  summary: "Exchange One Time Token",
  description:
    "Turns the one-time token of a link to the portal into the token of its session: once, within a minute. 401 after that. " +
    "`capabilities` are those that count now: while the environment is `readOnly`, `ViewBase` alone.",
  body: OneTimeTokenIn,
  answers: { 200: OneTimeTokenOut },
  async handle({ store, runtime }, { oneTimeToken }) {
    const name = environmentOfToken(oneTimeToken);
    if (name === null) throw refused();
    const now = runtime.clock.now();
    const token = newText("portal", name, runtime);
    const session = await store.credentials.redeem({
      hash: hashToken(oneTimeToken),
      newHash: hashToken(token),
      newPrefix: shownPart(token),
      madeAfter: now - ONE_TIME_TOKEN_MS,
      now,
    });
    if (session === null) throw refused();
    const given = session.scopes ?? [];
    const environment = await store.environments.find(session.environmentId);
    const narrowed = environment !== null && isPortalReadOnly(environment);
    return jsonAnswer(200, { token, capabilities: narrowed ? viewingOnly(given) : given });
  },
});

/** The same for every reason: what was guessed, what was used and what is too old look alike. */
function refused(): PosthasteError {
  return new PosthasteError(
    "authentication_failed",
    "This link was used already or is too old. Ask for a new one.",
  );
}

import { endpointRulesOf } from "@posthaste/core/domain/environment";
import { invalidField, PosthasteError } from "@posthaste/core/domain/errors";
import type { OauthConfig } from "@posthaste/core/domain/receiver-access";
import type { Static } from "typebox";
import { NO_CONTENT } from "../../answer.ts";
import { environmentRoute, type Services } from "../../route.ts";
import { EndpointPath } from "../fields.ts";
import { changeAccess } from "./access.ts";
import { EndpointOauthConfigIn } from "./oauth-schemas.ts";
import { findEnvironment } from "../environment/write.ts";
import { assertHeaders } from "./write.ts";

export const setEndpointOauth = environmentRoute({
  method: "PUT",
  path: "/api/v1/app/:app_id/endpoint/:endpoint_id/oauth",
  operationId: "v1.endpoint.set-oauth-config",
  tag: "Endpoint",
  scope: "write:endpoint-secret",
  summary: "Set Endpoint OAuth Config",
  description:
    "From now on every request carries an access token, got from `tokenUrl` with client credentials (RFC 6749) and " +
    "kept until shortly before it expires. A request that is answered 401 is sent once more with a new one. Without a " +
    "token nothing is sent and the attempt fails. Replaces the whole configuration: give the secret each time.",
  params: EndpointPath,
  body: EndpointOauthConfigIn,
  answers: { 204: null },
  async handle(call, services) {
    const oauth = configOf(call.body, services);
    await assertTokenUrl(oauth.tokenUrl, { environmentId: call.environmentId, services });
    await changeAccess(call, { services, change: { oauth } });
    return NO_CONTENT;
  },
});

/** Judged like an endpoint's URL. */
async function assertTokenUrl(
  tokenUrl: string,
  { environmentId, services }: { environmentId: string; services: Services },
): Promise<void> {
  const verdict = services.rules.checkUrl(tokenUrl);
  if (!verdict.ok) throw new PosthasteError("url_not_allowed", `tokenUrl: ${verdict.message}`);
  const { enforceHttps } = endpointRulesOf(await findEnvironment(environmentId, services));
  if (enforceHttps && !/^https:/i.test(tokenUrl)) {
    throw new PosthasteError("url_not_allowed", "tokenUrl: The URL must start with https://.");
  }
}

function configOf(body: Static<typeof EndpointOauthConfigIn>, services: Services): OauthConfig {
  const { authMethod, clientId, tokenUrl, scopes, extraParams, extraHeaders } = body;
  if (body.grantType !== "clientCredentials" || typeof body.refreshToken === "string") {
    const msg = "Only clientCredentials is offered. Use it, and leave refreshToken out.";
    throw invalidField(["body", "grantType"], msg);
  }
  assertHeaders(extraHeaders ?? {}, services);
  return {
    authMethod,
    clientId,
    clientSecret: authMethod === "clientSecretJwt" ? null : secretOf(body),
    jwt: authMethod === "clientSecretJwt" ? jwtOf(body, services) : null,
    tokenUrl,
    scopes: scopes ?? null,
    extraParams: extraParams ?? null,
    extraHeaders: extraHeaders ?? null,
  };
}

function secretOf({ clientSecret }: Static<typeof EndpointOauthConfigIn>): string {
  if (clientSecret !== undefined && clientSecret !== null) return clientSecret;
  throw invalidField(["body", "clientSecret"], "This authMethod needs the client's secret.");
}

function jwtOf(
  { jwtParams }: Static<typeof EndpointOauthConfigIn>,
  { rules }: Services,
): NonNullable<OauthConfig["jwt"]> {
  if (jwtParams === undefined || jwtParams === null) {
    throw invalidField(["body", "jwtParams"], "clientSecretJwt needs the key that signs the assertion.");
  }
  const { secretBase64, secretId, tokenExpirySecs } = jwtParams;
  try {
    rules.checkAssertionKey(secretBase64);
  } catch (error) {
    const msg = error instanceof Error ? error.message : "This key cannot sign.";
    throw invalidField(["body", "jwtParams", "secretBase64"], msg);
  }
  return { secretBase64, secretId: secretId ?? null, tokenExpirySecs: tokenExpirySecs ?? null };
}

import { jsonAnswer } from "../../answer.ts";
import { environmentRoute } from "../../route.ts";
import { wireEnvironmentId } from "../environment-id.ts";
import { WhoamiOut } from "./schemas.ts";

export const whoami = environmentRoute({
  method: "GET",
  path: "/api/v1/auth/whoami",
  operationId: "v1.authentication.whoami",
  tag: "Authentication",
  scope: "caller",
  summary: "Whoami",
  description: "What the credential it is called with is for, and what it may do.",
  answers: { 200: WhoamiOut },
  handle({ environmentId, caller }) {
    const { appId, sessionId, permissions } = caller;
    const answer = jsonAnswer(200, {
      envId: wireEnvironmentId(environmentId),
      appId,
      permissionSource: "RegionalAuthToken",
      sessionId,
      permissions: [...permissions],
    });
    return Promise.resolve(answer);
  },
});

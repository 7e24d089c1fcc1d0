import { NO_CONTENT } from "../../answer.ts";
import { publicRoute } from "../../route.ts";

export const ping = publicRoute({
  method: "GET",
  path: "/api/v1/health/ping",
  operationId: "v1.health.ping",
  tag: "Health",
  scope: "public",
  summary: "Ping",
  description: "204 while the process answers, whatever its health.",
  head: true,
  answers: { 204: null },
  handle: () => Promise.resolve(NO_CONTENT),
});

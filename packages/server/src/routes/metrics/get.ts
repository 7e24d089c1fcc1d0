import { Type } from "typebox";
import { publicRoute } from "../../route.ts";

export const getMetrics = publicRoute({
  method: "GET",
  path: "/metrics",
  operationId: "metrics.get",
  tag: "Operations",
  scope: "public",
  summary: "Metrics",
  description:
    "Numbers for Prometheus, in its text format. Keep it from the public: it tells how much you send.",
  answers: { 200: Type.String() },
  async handle({ metrics }) {
    return { status: 200, text: await metrics.metrics(), headers: { "content-type": metrics.contentType } };
  },
});

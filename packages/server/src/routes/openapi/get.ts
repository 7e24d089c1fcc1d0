import { Type } from "typebox";
import { publicRoute } from "../../route.ts";

export const getOpenapi = publicRoute({
  method: "GET",
  path: "/api/v1/openapi.json",
  operationId: "v1.openapi.get",
  tag: "Operations",
  scope: "public",
  summary: "OpenAPI",
  description: "This description of the API, as OpenAPI 3.1.",
  answers: { 200: Type.Object({}) },
  async handle({ describe }) {
    return { status: 200, text: await describe() };
  },
});

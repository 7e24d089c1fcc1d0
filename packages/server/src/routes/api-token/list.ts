import { ID_PREFIX } from "@posthaste/core/domain/ids";
import { Type } from "typebox";
import { listAnswer } from "../../paging.ts";
import { environmentRoute } from "../../route.ts";
import { listOf, orderField, pageFields } from "../fields.ts";
import { ApiTokenCensoredOut, censoredText, KeysPath, pathEnvironment } from "./schemas.ts";

export const listApiTokens = environmentRoute({
  method: "GET",
  path: "/api/v1/management/authentication/:env_id/api-token",
  operationId: "v1.management.authentication.list-api-tokens",
  tag: "Management",
  scope: "read:api-token",
  summary: "List Api Tokens",
  description:
    "The environment's API keys, oldest first, for a month also those that have ended. None is shown whole.",
  params: KeysPath,
  query: Type.Object({ ...pageFields(ID_PREFIX.apiKey), ...orderField }),
  answers: { 200: listOf(ApiTokenCensoredOut) },
  async handle(call, services) {
    const { query } = call;
    const { store } = services;
    const environmentId = await pathEnvironment(call, services);
    return listAnswer({
      query,
      defaultOrder: "ascending",
      read: (page) => store.credentials.listApiKeys({ environmentId, page }),
      idOf: ({ id }) => id,
      toText: censoredText,
    });
  },
});

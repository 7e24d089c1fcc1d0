import type { Environment } from "@posthaste/core/domain/environment";
import type { Page } from "@posthaste/core/storage/port";
import { Type } from "typebox";
import { listAnswer } from "../../paging.ts";
import { environmentRoute } from "../../route.ts";
import { WIRE_PREFIX, wireEnvironmentId } from "../environment-id.ts";
import { listOf, orderField, pageFields } from "../fields.ts";
import { EnvironmentModelOut, environmentText } from "./schemas.ts";

export const listEnvironments = environmentRoute({
  method: "GET",
  path: "/api/v1/management/environment",
  operationId: "v1.management.environment.list",
  tag: "Environment",
  scope: "read:installation",
  summary: "List Environments",
  description: "Every environment of this installation, oldest first.",
  query: Type.Object({ ...pageFields(WIRE_PREFIX), ...orderField }),
  answers: { 200: listOf(EnvironmentModelOut) },
  handle: ({ query }, { store }) =>
    listAnswer({
      query,
      defaultOrder: "ascending",
      read: async (page) => pageOf(await store.environments.list(), page),
      idOf: ({ id }) => wireEnvironmentId(id),
      toText: environmentText,
    }),
});

/** There are few, so a store lists all of them. */
function pageOf(environments: readonly Environment[], { after, order, limit }: Page): Environment[] {
  const inOrder = order === "ascending" ? environments : environments.toReversed();
  const isBeyond = ({ id }: Environment): boolean => {
    if (after === null) return true;
    return order === "ascending" ? wireEnvironmentId(id) > after : wireEnvironmentId(id) < after;
  };
  return inOrder.filter(isBeyond).slice(0, limit);
}

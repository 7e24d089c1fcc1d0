import { invalidField } from "@posthaste/core/domain/errors";
import { ID_PREFIX } from "@posthaste/core/domain/ids";
import { Type } from "typebox";
import { listAnswer } from "../../paging.ts";
import { environmentRoute } from "../../route.ts";
import { listOf, orderField, pageFields } from "../fields.ts";
import { ApplicationOut, applicationText } from "./schemas.ts";

const NOT_OFFERED = Type.Optional(
  Type.Boolean({ default: false, description: "Not offered: only `false`." }),
);

export const listApplications = environmentRoute({
  method: "GET",
  path: "/api/v1/app",
  operationId: "v1.application.list",
  tag: "Application",
  scope: "read:application",
  summary: "List Applications",
  description: "The applications of the environment, oldest first.",
  query: Type.Object({
    ...pageFields(ID_PREFIX.application),
    ...orderField,
    exclude_apps_with_no_endpoints: NOT_OFFERED,
    exclude_apps_with_disabled_endpoints: NOT_OFFERED,
    exclude_apps_with_svix_play_endpoints: NOT_OFFERED,
  }),
  answers: { 200: listOf(ApplicationOut) },
  handle({ environmentId, query }, { store }) {
    const wanted = Object.entries(query).find(
      ([name, value]) => name.startsWith("exclude_") && value === true,
    );
    if (wanted !== undefined) {
      throw invalidField(
        ["query", wanted[0]],
        "Filtering applications by their endpoints is not offered. Leave it out.",
      );
    }
    return listAnswer({
      query,
      defaultOrder: "ascending",
      read: (page) => store.applications.list({ environmentId, page }),
      idOf: ({ id }) => id,
      toText: applicationText,
    });
  },
});

import { ID_PREFIX } from "@posthaste/core/domain/ids";
import { idPattern } from "../../patterns.ts";
import { environmentRoute } from "../../route.ts";
import { AppPath } from "../fields.ts";
import { ApplicationIn, ApplicationOut, applicationText } from "./schemas.ts";
import {
  applicationUidTaken,
  assertApplication,
  changeApplication,
  insertApplication,
  newApplication,
} from "./write.ts";

const IS_ID = new RegExp(idPattern(ID_PREFIX.application));

export const upsertApplication = environmentRoute({
  method: "PUT",
  path: "/api/v1/app/:app_id",
  operationId: "v1.application.upsert",
  tag: "Application",
  scope: "write:application",
  summary: "Upsert Application",
  description:
    "Replaces the application's fields, those left out get their defaults; creates it (201) when there is none. " +
    "A new one without `uid` gets the one in the path, so that the same request twice makes one application.",
  params: AppPath,
  body: ApplicationIn,
  answers: { 200: ApplicationOut, 201: ApplicationOut },
  async handle({ environmentId, params, body }, services) {
    assertApplication(body);
    const ref = params.app_id;
    const fresh = newApplication(body, { environmentId, runtime: services.runtime });
    const found = await services.store.applications.find({ environmentId, ref });
    if (found !== null) {
      const { id } = found;
      const changed = await changeApplication(
        { environmentId, id },
        { services, change: ({ createdAt }) => ({ ...fresh, id, createdAt }) },
      );
      return { status: 200, text: applicationText(changed) };
    }
    const created = { ...fresh, uid: fresh.uid ?? (IS_ID.test(ref) ? null : ref) };
    const result = await insertApplication(created, { services, idempotent: {} });
    if (result.kind === "conflict") throw applicationUidTaken();
    return { status: 201, text: applicationText(created) };
  },
});

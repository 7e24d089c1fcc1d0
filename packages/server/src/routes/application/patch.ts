import type { Application } from "@posthaste/core/domain/application";
import { environmentRoute } from "../../route.ts";
import { AppPath } from "../fields.ts";
import { ApplicationOut, ApplicationPatch, applicationText } from "./schemas.ts";
import { assertApplication, changeApplication, storedApplication } from "./write.ts";

export const patchApplication = environmentRoute({
  method: "PATCH",
  path: "/api/v1/app/:app_id",
  operationId: "v1.application.patch",
  tag: "Application",
  scope: "write:application",
  summary: "Patch Application",
  description: "Changes the fields given and leaves the others. `null` takes uid or throttleRate away.",
  params: AppPath,
  body: ApplicationPatch,
  answers: { 200: ApplicationOut },
  async handle({ environmentId, params, body }, services) {
    assertApplication(body);
    const { id } = await storedApplication({ environmentId, ref: params.app_id }, services);
    const change = (stored: Application): Application => ({
      ...stored,
      name: body.name ?? stored.name,
      uid: body.uid === undefined ? stored.uid : body.uid,
      throttleRate: body.throttleRate === undefined ? stored.throttleRate : body.throttleRate,
      metadata: body.metadata ?? stored.metadata,
    });
    const changed = await changeApplication({ environmentId, id }, { services, change });
    return { status: 200, text: applicationText(changed) };
  },
});

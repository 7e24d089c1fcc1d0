import { environmentRoute } from "../../route.ts";
import { AppPath } from "../fields.ts";
import { ApplicationOut, ApplicationPatch, applicationText } from "./schemas.ts";
import { assertApplication, storedApplication, updateApplication } from "./write.ts";

export const patchApplication = environmentRoute({
  method: "PATCH",
  path: "/api/v1/app/:app_id",
  operationId: "v1.application.patch",
  tag: "Application",
  scope: "environment",
  summary: "Patch Application",
  description: "Changes the fields given and leaves the others. `null` takes uid or throttleRate away.",
  params: AppPath,
  body: ApplicationPatch,
  answers: { 200: ApplicationOut },
  async handle({ environmentId, params, body }, services) {
    assertApplication(body);
    const { id } = await storedApplication({ environmentId, ref: params.app_id }, services);
    return services.writes.run(id, async () => {
      const stored = await storedApplication({ environmentId, ref: id }, services);
      const changed = {
        ...stored,
        name: body.name ?? stored.name,
        uid: body.uid === undefined ? stored.uid : body.uid,
        throttleRate: body.throttleRate === undefined ? stored.throttleRate : body.throttleRate,
        metadata: body.metadata ?? stored.metadata,
        updatedAt: services.runtime.clock.now(),
      };
      await updateApplication(changed, services);
      return { status: 200, text: applicationText(changed) };
    });
  },
});

import { ID_PREFIX } from "@posthaste/core/domain/ids";
import { idPattern } from "../../patterns.ts";
import { environmentRoute } from "../../route.ts";
import { findApplication } from "../application/find.ts";
import { EndpointPath } from "../fields.ts";
import { EndpointOut, endpointText, EndpointUpsertIn } from "./schemas.ts";
import {
  assertEndpoint,
  changeEndpoint,
  editableFields,
  insertEndpoint,
  newEndpoint,
  switched,
} from "./write.ts";

const IS_ID = new RegExp(idPattern(ID_PREFIX.endpoint));

export const upsertEndpoint = environmentRoute({
  method: "PUT",
  path: "/api/v1/app/:app_id/endpoint/:endpoint_id",
  operationId: "v1.endpoint.upsert",
  tag: "Endpoint",
  scope: "write:endpoint",
  summary: "Upsert Endpoint",
  description:
    "Replaces the endpoint's fields, those left out get their defaults; its secret and headers stay. Creates it " +
    "(201) when there is none; a new one without `uid` gets the one in the path.",
  params: EndpointPath,
  body: EndpointUpsertIn,
  answers: { 200: EndpointOut, 201: EndpointOut },
  async handle(call, services) {
    const { environmentId, body } = call;
    const ref = call.params.endpoint_id;
    const { application, endpoints } = await findApplication(call, services);
    await assertEndpoint(body, { environmentId, services, whole: true });
    if (endpoints.some(({ id, uid }) => id === ref || uid === ref)) {
      const now = services.runtime.clock.now();
      const changed = await changeEndpoint(
        { appId: application.id, ref },
        {
          services,
          change: (stored) => ({
            ...stored,
            ...editableFields(body),
            ...switched(stored, { disabled: body.disabled ?? false, now }),
          }),
        },
      );
      return { status: 200, text: endpointText(changed) };
    }
    const fresh = newEndpoint(body, { appId: application.id, services });
    const endpoint = { ...fresh, uid: fresh.uid ?? (IS_ID.test(ref) ? null : ref) };
    return services.writes.run(application.id, () =>
      insertEndpoint(endpoint, { environmentId, services, remember: () => ({}) }),
    );
  },
});

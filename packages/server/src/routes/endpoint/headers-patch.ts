import { NO_CONTENT } from "../../answer.ts";
import { environmentRoute } from "../../route.ts";
import { findApplication } from "../application/find.ts";
import { EndpointPath } from "../fields.ts";
import { EndpointHeadersPatchIn } from "./headers-schemas.ts";
import { assertHeaders, changeEndpoint } from "./write.ts";

export const patchEndpointHeaders = environmentRoute({
  method: "PATCH",
  path: "/api/v1/app/:app_id/endpoint/:endpoint_id/headers",
  operationId: "v1.endpoint.patch-headers",
  tag: "Endpoint",
  scope: "write:endpoint",
  summary: "Patch Endpoint Headers",
  description: "Adds, replaces or takes away single headers and leaves the others.",
  params: EndpointPath,
  body: EndpointHeadersPatchIn,
  answers: { 204: null },
  async handle(call, services) {
    const { headers, deleteHeaders = [] } = call.body;
    const { application } = await findApplication(call, services);
    const touched = new Set([...Object.keys(headers), ...deleteHeaders].map((name) => name.toLowerCase()));
    const target = { appId: application.id, ref: call.params.endpoint_id };
    await changeEndpoint(target, {
      services,
      change: (stored) => {
        const kept = Object.entries(stored.headers).filter(([name]) => !touched.has(name.toLowerCase()));
        const set = Object.entries(headers).filter(isSet);
        const merged = Object.fromEntries([...kept, ...set]);
        assertHeaders(merged, services);
        return { ...stored, headers: merged };
      },
    });
    return NO_CONTENT;
  },
});

function isSet(entry: [string, string | null]): entry is [string, string] {
  return entry[1] !== null;
}

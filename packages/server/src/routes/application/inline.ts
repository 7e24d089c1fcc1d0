import { invalidField, PosthasteError } from "@posthaste/core/domain/errors";
import type { RoutedApplication } from "@posthaste/core/engine/engine";
import type { Caller } from "../../caller.ts";
import type { Services } from "../../route.ts";
import {
  type ApplicationFields,
  applicationUidTaken,
  assertApplication,
  insertApplication,
  newApplication,
} from "./write.ts";

/** Creates the application that came with a request, as the path names one that does not exist. */
export async function createInline(
  fields: ApplicationFields | null | undefined,
  { caller, ref, services }: { caller: Caller; ref: string; services: Services },
): Promise<RoutedApplication> {
  const { environmentId } = caller;
  const loc = ["body", "application"];
  if (fields === undefined || fields === null) {
    throw new PosthasteError("not_found", "No application has this id or uid.");
  }
  if (fields.uid !== ref) {
    throw invalidField(
      [...loc, "uid"],
      "Must be the uid in the path, or another application would be meant.",
    );
  }
  if (!caller.permissions.has("write:application")) {
    throw new PosthasteError("insufficient_access", "Creating the application needs write:application.");
  }
  assertApplication(fields, loc);
  const application = newApplication(fields, { environmentId, runtime: services.runtime });
  // A conflict means that another request was faster, which is as good.
  await insertApplication(application, { services, idempotent: {} });
  const routed = await services.engine.findApplication({ environmentId, ref });
  if (routed === null) throw applicationUidTaken();
  return routed;
}

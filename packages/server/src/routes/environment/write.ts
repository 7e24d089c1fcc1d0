import type { Environment } from "@posthaste/core/domain/environment";
import { PosthasteError } from "@posthaste/core/domain/errors";
import { changeRecord } from "../../change-record.ts";
import type { Services } from "../../route.ts";
import { nameTaken } from "./schemas.ts";

/** An environment by its id; 404 when there is none. */
export async function findEnvironment(id: string, { store }: Pick<Services, "store">): Promise<Environment> {
  const found = await store.environments.find(id);
  if (found === null) throw new PosthasteError("not_found", "No environment of yours has this id.");
  return found;
}

/** Changes an environment on top of whatever it is by then; deliveries follow before this resolves. */
export async function changeEnvironment(
  id: string,
  { services, change }: { services: Services; change: (stored: Environment) => Environment },
): Promise<Environment> {
  const { store, runtime, engine } = services;
  return services.writes.run(id, async () => {
    const changed = await changeRecord({
      noun: "environment",
      clock: runtime.clock,
      read: () => findEnvironment(id, services),
      change,
      write: async (environment, basedOn) => {
        const result = await store.environments.update(environment, { basedOn });
        if (result === "name_taken") throw nameTaken();
        return result;
      },
    });
    // What portal tokens may do is one of the settings.
    services.credentials.forgetAll();
    await engine.environmentChanged(id);
    return changed;
  });
}

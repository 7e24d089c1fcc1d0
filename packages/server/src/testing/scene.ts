import { SECOND_MS } from "@posthaste/core/domain/time";
import { OPERATOR_KEY, type TestServer } from "./test-server.ts";

/** Below it `{endpoint_id}` is another noun's. */
const OPERATIONAL = "/api/v1/operational-webhook/endpoint";

/** Below it `{env_id}` is one that may be renamed and deleted. */
const ENVIRONMENTS = "/api/v1/management/environment";

/** What stands for each `{name}` of a path; a name that is missing here stands for nothing. */
export type Scene = Readonly<Record<string, string>>;

/** One of everything that a path can name, in the live environment, but for what a receiver has to answer first. */
export async function sceneOf(server: TestServer, app: object = {}): Promise<Scene> {
  const made = async (path: string, body: object): Promise<string> => {
    const { status, json, text } = await server.call("POST", path, { body });
    if (status >= 300) throw new Error(`${path}: ${status} ${text}`);
    return json.id;
  };
  // Requests before may have asked for endpoints that those made here are not.
  await server.call("PUT", "/api/v1/management/environment-settings", { body: {} });
  const app_id = await server.application(app);
  const application = `/api/v1/app/${app_id}`;
  const endpoint_id = await server.endpoint(app_id);
  const msg_id = await server.message(app_id);
  const destination_id = await made(`${application}/destination`, { type: "pollingEndpoint" });
  const { environmentId: env_id } = server.live;
  const since = new Date(server.runtime.clock.now() - SECOND_MS).toISOString();
  return {
    app_id,
    endpoint_id,
    // An environment has few of them, whatever other requests made: any will do.
    operational_endpoint_id:
      (await server.call("GET", OPERATIONAL)).json.data[0]?.id ??
      (await made(OPERATIONAL, { url: "https://example.com/operator" })),
    msg_id,
    destination_id,
    sink_id: destination_id,
    consumer_id: "reader",
    event_type_name: "order.completed",
    env_id,
    managed_env_id: await managedEnvironment(server),
    key_id: await made(`/api/v1/management/authentication/${env_id}/api-token`, { name: "k" }),
    task_id: await made(`${application}/endpoint/${endpoint_id}/recover`, { since }),
  };
}

/** One that is neither live nor sandbox: of those that other requests made, or a new one. */
async function managedEnvironment(server: TestServer): Promise<string> {
  const key = OPERATOR_KEY;
  const found = (await server.call("GET", `${ENVIRONMENTS}?order=descending&limit=1`, { key })).json.data[0];
  if (found !== undefined && !["live", "sandbox"].includes(found.name)) return found.id;
  const body = { name: "Managed", type: "development" };
  return (await server.call("POST", ENVIRONMENTS, { key, body })).json.id;
}

/** What stands for `{name}` in a path of the API's description; undefined: the scene does not have it. */
export function placeOf(scene: Scene, path: string, name: string): string | undefined {
  if (path.startsWith(`${ENVIRONMENTS}/`)) return scene[`managed_${name}`];
  return scene[path.startsWith(OPERATIONAL) ? `operational_${name}` : name];
}

/** Such a path, filled in; what the scene does not have is found nowhere. */
export function pathIn(scene: Scene, path: string): string {
  return path.replaceAll(/\{([a-z_]+)\}/g, (_, name: string) => placeOf(scene, path, name) ?? "nowhere");
}

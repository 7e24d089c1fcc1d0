import type { Credential } from "@posthaste/core/domain/credential";
import { PosthasteError } from "@posthaste/core/domain/errors";
import type { Answer } from "../../answer.ts";
import type { Caller } from "../../caller.ts";
import type { Services } from "../../route.ts";
import { assertScopes, censoredText, findKey } from "./schemas.ts";

/** Changes what is given of an API key, one change of a key after the other. */
export function changeKey(
  call: { caller: Caller; params: { env_id: string; key_id: string } },
  { services, change }: { services: Services; change: Partial<Pick<Credential, "name" | "scopes">> },
): Promise<Answer> {
  const { store, writes, credentials } = services;
  return writes.run(call.params.key_id, async () => {
    const key = await findKey(call, services);
    if (change.scopes !== undefined) assertScopes(call.caller, change.scopes);
    const changed = { ...key, ...change };
    if (!(await store.credentials.update(changed))) throw new PosthasteError("not_found");
    credentials.forgetAll();
    return { status: 200, text: censoredText(changed) };
  });
}

import { assertMay, bindToApplication, type Caller, type Door } from "./caller.ts";
import type { Services } from "./route.ts";

/** What an operation asks of its callers, and whether it brings messages that are counted. */
export interface CountedDoor extends Door {
  readonly counts: boolean;
}

/** A request to a door, before a byte of its body is read. */
export interface Knock {
  readonly door: CountedDoor;
  /** Of its path. */
  readonly params: unknown;
  readonly services: Services;
}

/** Lets a caller in who is of no single application; throws the refusal otherwise. */
export function admit(caller: Caller, knock: Knock): void {
  knock.services.quotas.takeRequest(caller);
  assertMay(caller, knock.door);
  if (knock.door.counts) expectRoom(caller, knock);
}

/** The same after the look-up of the credential, and of the application that it is bound to. */
export async function admitLater(asked: Caller | Promise<Caller>, knock: Knock): Promise<Caller> {
  const { door, params, services } = knock;
  const { quotas, engine } = services;
  const caller = await asked;
  quotas.takeRequest(caller);
  assertMay(caller, door);
  if (door.inApplication) await bindToApplication(caller, { params, engine });
  if (door.counts) expectRoom(caller, knock);
  return caller;
}

/** Where the application is known here. */
function expectRoom({ environmentId }: Caller, { params, services: { quotas, engine } }: Knock): void {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the path has this parameter
  const { app_id: ref } = params as { app_id: string };
  const known = engine.peekApplication({ environmentId, ref });
  if (known !== undefined) quotas.expectMessages(known.application.id);
}

import type { Egress } from "../egress/egress.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { Store } from "../storage/port.ts";
import type { ModelState } from "./model/state.ts";
import type { SyncStore } from "./model/sync.ts";
import type { World } from "./world/world.ts";

/** Where a bug is put in. */
export interface Place {
  readonly world: World;
  readonly state: ModelState;
}

/** A bug that is put in on purpose, by wrapping a part of the program: a suite that never turns red proves nothing. */
export interface Sabotage {
  /** What the store does with a call that has arrived. */
  readonly store?: (store: SyncStore, place: Place) => SyncStore;
  /** What the engine asks of the store. */
  readonly link?: (store: Store, place: Place) => Store;
  readonly runtime?: (runtime: Runtime, world: World) => Runtime;
  readonly egress?: (egress: Egress) => Egress;
}

export const NO_SABOTAGE: Sabotage = {};

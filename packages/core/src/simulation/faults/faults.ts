import type { SeededRandom } from "../world/random.ts";

/** What may happen to one call, each with its probability. */
export interface CallFaults {
  /** The process dies: the call never gets there. */
  readonly crashBefore: number;
  /** It is done, and the process dies before it hears so. */
  readonly crashAfter: number;
  /** It is refused, and nothing was done. */
  readonly fail: number;
  /** It is done, and the process is told that it may have been. */
  readonly doubt: number;
  readonly slow: number;
}

export const NO_CALL_FAULTS: CallFaults = { crashBefore: 0, crashAfter: 0, fail: 0, doubt: 0, slow: 0 };

export type CallFate = keyof CallFaults | "well";

/** What happens to this call. */
export function fateOf(random: SeededRandom, faults: CallFaults): CallFate {
  let rest = random.unit();
  for (const fate of ["crashBefore", "crashAfter", "fail", "doubt", "slow"] as const) {
    rest -= faults[fate];
    if (rest < 0) return fate;
  }
  return "well";
}

/** Something that befalls a process or the store at a moment, for a while. */
export type Incident =
  | { readonly kind: "crash"; readonly at: number; readonly node: number; readonly forMs: number }
  /** SIGTERM, and a new process afterwards. */
  | { readonly kind: "restart"; readonly at: number; readonly node: number; readonly forMs: number }
  /** SIGSTOP and SIGCONT. */
  | { readonly kind: "freeze"; readonly at: number; readonly node: number; readonly forMs: number }
  | { readonly kind: "clock"; readonly at: number; readonly node: number; readonly byMs: number }
  /** One node does not reach the store. */
  | { readonly kind: "partition"; readonly at: number; readonly node: number; readonly forMs: number }
  | { readonly kind: "store_away"; readonly at: number; readonly forMs: number }
  | { readonly kind: "slow_disk"; readonly at: number; readonly forMs: number; readonly factor: number };

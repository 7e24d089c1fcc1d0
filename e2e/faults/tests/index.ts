import type { FaultTest } from "../fault-test.ts";
import { t01 } from "./t01-kill-loop.ts";
import { t02 } from "./t02-power-cut.ts";

/** In the order they run. */
export const TESTS: readonly FaultTest[] = [t01, t02];

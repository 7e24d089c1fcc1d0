import type { FaultTest } from "../fault-test.ts";
import { t01 } from "./t01-kill-loop.ts";
import { t02 } from "./t02-power-cut.ts";
import { t03 } from "./t03-idempotency.ts";
import { t13 } from "./t13-zombie.ts";
import { t14 } from "./t14-poison-neighbour.ts";
import { t15 } from "./t15-outage.ts";
import { t16 } from "./t16-poison-rows.ts";
import { t17 } from "./t17-failing-calls.ts";
import { t19 } from "./t19-clock.ts";
import { t21 } from "./t21-failover.ts";
import { t22 } from "./t22-disk-full.ts";
import { t23 } from "./t23-cut-connections.ts";
import { t28 } from "./t28-rolling-restart.ts";
import { t30 } from "./t30-retention.ts";
import { t34 } from "./t34-held-snapshot.ts";
import { t37 } from "./t37-negative-controls.ts";

/** In the order they run. */
export const TESTS: readonly FaultTest[] = [
  t01,
  t02,
  t03,
  t13,
  t14,
  t15,
  t16,
  t17,
  t19,
  t21,
  t22,
  t23,
  t28,
  t30,
  t34,
  t37,
];

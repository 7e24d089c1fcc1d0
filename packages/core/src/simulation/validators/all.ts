import { answeredIsStored, everyAcceptedMessageEnds, oneMessagePerKey } from "./acceptance.ts";
import { canceledIsNotSent, onlyCanceledEnds } from "./cancellation.ts";
import { everyPostIsRecorded, nothingAfterCancel, onlyAcceptedIsSent } from "./attempts.ts";
import { healthyIsServed, nothingBreaks, nothingIsLeftBehind } from "./health.ts";
import { lateNeverOverwrites, oneHolder } from "./leases.ts";
import { operationalIsTold } from "./operational.ts";
import { fifoArrives, fifoWaits } from "./order.ts";
import { nothingIsEarly, throttleHolds, waitsFollowTheSchedule } from "./schedule.ts";
import type { Validator } from "./validator.ts";

/** Every promise that a simulation checks. */
export const VALIDATORS: readonly Validator[] = [
  answeredIsStored,
  everyAcceptedMessageEnds,
  oneMessagePerKey,
  onlyAcceptedIsSent,
  everyPostIsRecorded,
  nothingAfterCancel,
  canceledIsNotSent,
  onlyCanceledEnds,
  operationalIsTold,
  oneHolder,
  lateNeverOverwrites,
  nothingIsEarly,
  waitsFollowTheSchedule,
  throttleHolds,
  fifoWaits,
  fifoArrives,
  healthyIsServed,
  nothingIsLeftBehind,
  nothingBreaks,
];

// oxlint-disable-next-line no-restricted-imports -- waits for a real server, whose time no test's clock moves
import { setTimeout } from "node:timers/promises";

/** Resolves after a moment: between two questions to a database that is away or busy. */
export const pause = (ms: number): Promise<void> => setTimeout(ms);

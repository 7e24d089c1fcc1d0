import { isDeepStrictEqual } from "node:util";
import type { Api } from "./api.ts";
import { Refused } from "./refusals.ts";
import type { Report } from "./report.ts";

/** What a copy works with. */
export interface Copy {
  readonly from: Api;
  readonly to: Api;
  readonly report: Report;
  /** Look and compare, write nothing. */
  readonly dryRun: boolean;
}

/** Whether what is there has every field as it is wanted. */
export function fits(there: object, wanted: object): boolean {
  return Object.entries(wanted).every(([name, value]) =>
    isDeepStrictEqual(Reflect.get(there, name) ?? null, value ?? null),
  );
}

/** Runs a write; what the target does not take is noted, and null is returned. */
export async function written<Result>(
  { report, dryRun }: Copy,
  { where, what, write }: { where: string; what: string; write: () => Promise<Result> },
): Promise<Result | "dry" | null> {
  if (dryRun) return "dry";
  try {
    return await write();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    report.note(where, `${what}: ${error.message}`);
    return null;
  }
}

/** A uid by which a thing that has none is found again: it may be used in paths as an id. */
export function uidOf({ id, uid }: { readonly id: string; readonly uid?: string | null }): string {
  // Not the id itself: a uid must not look like one.
  return uid ?? `svix-${id}`;
}

/** The parts of a path. */
export function pathOf(...parts: readonly string[]): string {
  return parts.map((part) => `/${encodeURIComponent(part)}`).join("");
}

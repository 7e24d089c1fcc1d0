import type { FailureKind } from "./failure.ts";
import type { WorkerFiles } from "./files.ts";

/** What a thread is started with. */
export interface WorkerSetup {
  readonly role: "writer" | "reader";
  readonly files: WorkerFiles;
}

/** Requests are answered in the order they were sent. */
export type ThreadRequest = readonly [id: number, operation: string, argument: unknown];
export type ThreadResponse = readonly [id: number, result: unknown, failure: Failure | null];

/** The first message of a thread: its files are open. */
export const READY_ID = 0;

export interface Failure {
  readonly kind: FailureKind;
  readonly message: string;
  readonly stack: string | undefined;
}

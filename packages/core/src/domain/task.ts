/** Work that takes longer than a request: it is stored, so it survives the process that does it. */
export interface Task {
  readonly id: string;
  readonly environmentId: string;
  readonly status: TaskStatus;
  readonly work: TaskWork;
  readonly progress: TaskProgress;
  readonly createdAt: number;
  readonly updatedAt: number;
}

export type TaskStatus = "running" | "finished" | "failed" | "canceled";

/** What is to be done; never changes. `kind` is the contract's word. */
export type TaskWork =
  | ReplayWork
  | PurgeWork
  | BroadcastWork
  | AggregateEventTypesWork
  | ExportEventTypesWork
  | ApplicationStatsWork;
export type TaskKind = TaskWork["kind"];

/**
 * Owes messages to an endpoint once more. `recover`: those that failed; `replay`: those it wants and never got;
 * `bulk-replay`: all it ever got that pass the filters.
 */
export interface ReplayWork {
  readonly kind: "endpoint.recover" | "endpoint.replay" | "endpoint.bulk-replay";
  readonly appId: string;
  readonly endpointId: string;
  /** Messages made at or after, and before. */
  readonly since: number;
  readonly until: number;
  readonly filter: ReplayFilter;
}

export interface ReplayFilter {
  readonly eventTypes?: readonly string[] | undefined;
  readonly channel?: string | undefined;
  readonly tag?: string | undefined;
  readonly status?: "success" | "fail" | "canceled" | "pending" | "sending" | undefined;
  /** 0 = no response, else the hundred the last status code lies in. */
  readonly statusCodeClass?: number | undefined;
}

/** Clears the payload of every message made before `until`. */
export interface PurgeWork {
  readonly kind: "application.purge_content";
  readonly appId: string;
  readonly until: number;
}

/** Sends one message to every application made before `until`. Its payload is kept beside the task. */
export interface BroadcastWork {
  readonly kind: "message.broadcast";
  readonly eventType: string;
  /** Of the message of each application: what makes it one, however often a step is done again. */
  readonly eventId: string;
  readonly channels: readonly string[] | null;
  readonly payloadExpiresAt: number | null;
  readonly until: number;
}

/** Counts messages by event type, over all applications. */
export interface AggregateEventTypesWork {
  readonly kind: "event-type.aggregate";
  readonly until: number;
}

/**
 * The event types as an OpenAPI document. It is made when somebody looks at the task, so the step only ends it; the word
 * is the one that the contract has for what is made of event types.
 */
export interface ExportEventTypesWork {
  readonly kind: "sdk.generate";
  readonly until: number;
}

/** Counts deliveries that ended in a span of time, by application. */
export interface ApplicationStatsWork {
  readonly kind: "application.stats";
  readonly since: number;
  readonly until: number;
  /** Sorted; null = all. */
  readonly appIds: readonly string[] | null;
}

/** Where a task goes on, and what it has so far. */
export interface TaskProgress {
  /** The last id that is done: a message, or an application; null = at the start. */
  readonly after: string | null;
  /** The place inside the application behind `after`; null = at its start. */
  readonly within: string | null;
  /** What was looked at, and what of it was acted on. */
  readonly looked: number;
  readonly done: number;
  /** Results by name. */
  readonly counts: Readonly<Record<string, number>>;
  /** Why it failed, in a sentence. */
  readonly error: string | null;
}

export const NO_PROGRESS: TaskProgress = {
  after: null,
  within: null,
  looked: 0,
  done: 0,
  counts: {},
  error: null,
};

/** How deliveries stand, beyond the records of what happened: read from what is owed and from the attempts. */
import type { AttemptStatus } from "../domain/attempt.ts";
import type { DeliveryKey, DeliveryState } from "../domain/delivery.ts";

type LaneOfDelivery = Pick<DeliveryKey, "appId" | "endpointId">;

export interface OverviewStore {
  /**
   * How each of these messages (at most LIST_SCAN_ROWS) stands at one endpoint: what is owed wins over the attempts.
   * Messages that were never for this endpoint are left out. In any order.
   */
  listStandings(query: LaneOfDelivery & { messageIds: readonly string[] }): Promise<Standing[]>;
  /** What an endpoint is owed, each kind counted up to `limit`. */
  countOwed(query: LaneOfDelivery & { now: number; limit: number }): Promise<OwedCounts>;
  /** Counts one step of an endpoint's attempts, the oldest first, by how they ended. */
  countAttempts(query: AttemptCountQuery): Promise<AttemptCountStep>;
  /** The same by the event types of their messages; those of messages that are gone are looked at and not counted. */
  countAttemptsByType(query: TypeCountQuery): Promise<TypeCountStep>;
  /** Endpoints of all applications of an environment. */
  countEndpoints(query: { environmentId: string }): Promise<{ active: number; disabled: number }>;
  /** Applications of an environment that have an endpoint, and of them those that have an enabled one. */
  countApplications(query: {
    environmentId: string;
  }): Promise<{ withEndpoint: number; withEnabledEndpoint: number }>;
}

export interface Standing {
  readonly messageId: string;
  readonly state: "pending" | "sending" | AttemptStatus;
  /** When the next attempt is due; null while it is being sent, paused or over. */
  readonly nextAttemptAt: number | null;
  /** The status code of the last attempt, 0 without a response; null before the first. */
  readonly statusCode: number | null;
}

export interface OwedCounts {
  /** Due now and held by nobody. */
  readonly due: number;
  /** Waiting for a later attempt. */
  readonly later: number;
  /** Until the endpoint is enabled. */
  readonly paused: number;
  /** Held by a process: on their way. */
  readonly held: number;
}

/** The filters are those of the list of attempts. */
export interface AttemptCountQuery extends LaneOfDelivery {
  readonly before?: number | undefined;
  readonly after?: number | undefined;
  readonly status?: AttemptStatus | undefined;
  readonly statusCodeClass?: number | undefined;
  readonly channel?: string | undefined;
  readonly tag?: string | undefined;
  readonly eventTypes?: readonly string[] | undefined;
  /** Goes on behind this attempt; null = from the start. */
  readonly cursor: string | null;
  /** Attempts that one step looks at. */
  readonly limit: number;
  /** Counts by spans of so many milliseconds since the epoch; null = all together, at 0. */
  readonly spanMs: number | null;
}

export interface AttemptCountStep {
  readonly counts: readonly AttemptCount[];
  /** How many attempts this step looked at. */
  readonly looked: number;
  /** Null when there are no more. */
  readonly cursor: string | null;
}

export interface AttemptCount {
  /** Where its span begins. */
  readonly at: number;
  readonly status: AttemptStatus;
  /** The state of the delivery after the attempt. */
  readonly deliveryState: DeliveryState;
  readonly count: number;
}

export interface TypeCountQuery extends LaneOfDelivery {
  /** Attempts made at or after, and before. */
  readonly after: number;
  readonly before: number;
  readonly cursor: string | null;
  readonly limit: number;
}

export interface TypeCountStep {
  readonly counts: readonly {
    readonly eventType: string;
    readonly status: AttemptStatus;
    readonly count: number;
  }[];
  readonly looked: number;
  readonly cursor: string | null;
}

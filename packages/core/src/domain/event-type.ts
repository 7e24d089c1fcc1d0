/** A dotted name that fixes a payload's JSON Schema. */
export interface EventType {
  readonly environmentId: string;
  readonly name: string;
  readonly description: string;
  readonly archived: boolean;
  readonly deprecated: boolean;
  /** JSON Schema by version, as given; null = none. */
  readonly schemas: Readonly<Record<string, unknown>> | null;
  readonly groupName: string | null;
  readonly featureFlags: readonly string[] | null;
  /** Waits between the attempts of its messages, for endpoints without their own; null = the server's. */
  readonly retryScheduleMs: readonly number[] | null;
  readonly createdAt: number;
  readonly updatedAt: number;
}

export type Metadata = Readonly<Record<string, string>>;

/** The customer whose data is isolated. */
export interface Application {
  readonly id: string;
  readonly environmentId: string;
  /** The platform's own name for it, unique in the environment; accepted wherever the id is. */
  readonly uid: string | null;
  readonly name: string;
  /** Attempts a second over all its endpoints; null = no limit. */
  readonly throttleRate: number | null;
  readonly metadata: Metadata;
  readonly createdAt: number;
  readonly updatedAt: number;
}

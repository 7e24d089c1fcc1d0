/** A system under measurement, running, with one endpoint for each of its applications. */
export interface Subject {
  /** Senders spread over them. */
  readonly ports: readonly number[];
  readonly apiKey: string;
  /** All its processes; their children count too. */
  readonly pids: () => readonly number[];
  /** Its database, where that is a server of its own. */
  readonly databasePids?: () => readonly number[];
  /** Fails where the subject itself says that something delivered is not recorded. */
  readonly checkRecorded: (delivered: number) => Promise<void>;
  readonly stop: () => Promise<void>;
}

export interface SubjectOptions {
  /** The URL of each application's endpoint, in order of the applications. */
  readonly endpointUrls: readonly string[];
  /** Where a subject may keep data; it makes its own folder in it. */
  readonly dataDir: string;
}

export const APP_DIGITS = 3;

/** Of fixed width, so that a sender can patch the number. */
export function appUid(app: number): string {
  return `bench-app-${String(app).padStart(APP_DIGITS, "0")}`;
}

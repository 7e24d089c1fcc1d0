import { join } from "node:path";

/** One part of the program, changed as its source is loaded. */
export interface Change {
  /** Under `packages/`. */
  readonly file: string;
  /** Stands there exactly once. */
  readonly find: string;
  readonly replace: string;
}

const ENGINE = "core/src/engine";
const SQLITE = "core/src/storage/sqlite";
const POSTGRES = "core/src/storage/postgres";

/**
 * Bugs that somebody could make. None can be reached in production: they exist only while the loader of this
 * folder is put before the program, and that is done by its tests alone.
 */
export const MUTANTS: Readonly<Record<string, readonly Change[]>> = {
  "ack-before-commit": [
    {
      file: `${ENGINE}/commit-stream.ts`,
      find: "      result = await this.#store.commit({",
      replace: `      this.#answer(accepts, [], {
        accepted: accepts.flatMap(({ messages }) => messages.map(() => ({ kind: "accepted" }))),
        settled: [],
      });
      for (const [index, one] of accepts.entries()) {
        accepts[index] = { ...one, resolve: () => {}, reject: () => {} };
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
      result = await this.#store.commit({`,
    },
  ],
  "synchronous-normal": synchronous("NORMAL", 1),
  "synchronous-off": synchronous("OFF", 0),
  "no-takeover": [
    {
      file: `${SQLITE}/writer/leases.ts`,
      find: "released = Number(this.#releaseOthers.run(...range, request.notHeldBy).changes);",
      replace: "released = 0;",
    },
  ],
  "lost-wake-up": [
    {
      file: `${ENGINE}/claimer.ts`,
      find: "while (!signal.aborted) {\n        this.#hungry = false;",
      replace: "while (signal.aborted) {\n        this.#hungry = false;",
    },
  ],
  "idempotency-not-checked": [
    {
      file: `${SQLITE}/writer/accept.ts`,
      find: "if (claim !== null) {\n      const answer",
      replace: "if (claim === undefined) {\n      const answer",
    },
  ],
  "signature-over-another-body": [
    {
      file: `${ENGINE}/attempt.ts`,
      find: "Math.floor(now / SECOND_MS), body)",
      replace: "Math.floor(now / SECOND_MS), JSON.stringify(JSON.parse(String(body))))",
    },
  ],
  "payload-encoded-again": [
    {
      file: `${ENGINE}/attempt.ts`,
      find: "const body = Buffer.from(sent?.payload ?? payload);",
      replace: "const body = Buffer.from(JSON.stringify(JSON.parse(payload)));",
    },
  ],
  "attempt-not-recorded": [
    {
      file: `${ENGINE}/dispatcher.ts`,
      find: `attempt: paused ? { ...attempt, deliveryState: "paused", nextAttemptAt: null } : attempt,`,
      replace: "attempt: null,",
    },
  ],
  "hidden-second-post": [
    {
      file: `${ENGINE}/attempt.ts`,
      find: "  const meaning = readOutcome(",
      replace: `  await options.egress.post({ url: endpoint.url, headers, body, deadlineMs: 5_000 });
  const meaning = readOutcome(`,
    },
  ],
  "failed-fsync-ignored": [
    {
      file: `${SQLITE}/failure.ts`,
      find: `? "unavailable" : "fatal"`,
      replace: `? "unavailable" : "unavailable"`,
    },
  ],
  "full-disk-acknowledged": [
    {
      file: `${SQLITE}/writer/commit.ts`,
      find: "new Uint8Array(batch.acceptedCount).fill(ACCEPT.unavailable)",
      replace: "new Uint8Array(batch.acceptedCount).fill(ACCEPT.accepted)",
    },
  ],
  "slots-for-whoever-comes-first": [
    limit("IN_FLIGHT_MAX = 4_096", "IN_FLIGHT_MAX = 48"),
    limit("IN_FLIGHT_UNPROVEN_MAX = IN_FLIGHT_MAX / 2", "IN_FLIGHT_UNPROVEN_MAX = IN_FLIGHT_MAX"),
    limit("IN_FLIGHT_FIRST_MAX = (IN_FLIGHT_MAX * 3) / 4", "IN_FLIGHT_FIRST_MAX = IN_FLIGHT_MAX"),
  ],
  "full-speed-after-an-outage": [
    {
      file: `${ENGINE}/lanes/breaker.ts`,
      find: "this.#width = 1;",
      replace: "this.#width = LANE_CONCURRENCY;",
    },
  ],
  "throttle-ignored": [
    {
      file: `${ENGINE}/lanes/lane.ts`,
      find: "return this.#bucket?.waitMs(now) ?? 0;",
      replace: "return 0;",
    },
  ],
  "one-unreadable-stops-all": [
    {
      file: `${ENGINE}/readable-applications.ts`,
      find: "if (error instanceof StoreUnavailable) throw error;",
      replace: "throw error;",
    },
  ],
  "retries-by-the-wall-clock": [
    {
      file: `${ENGINE}/due-clock.ts`,
      find: "this.#last = Math.max(this.#clock.now(), this.#last + (at - this.#lastAt) * CATCHING_UP_SPEED);",
      replace: "this.#last = this.#clock.now();",
    },
  ],
  "stop-without-draining": [
    {
      file: `${ENGINE}/create-engine.ts`,
      find: "await Promise.all([this.#dispatcher.idle(drained.signal), this.#tester.idle(drained.signal)]);",
      replace: "",
    },
  ],
  "no-fencing": [
    {
      file: `${POSTGRES}/deliveries/settle.ts`,
      find: "AND due.message_id = s.message_id AND due.leased_by = s.leased_by AND due.attempts = s.attempts`",
      replace: "AND due.message_id = s.message_id`",
    },
  ],
  "retention-drops-what-is-owed": [
    {
      file: `${SQLITE}/owed.ts`,
      find: "WHERE NOT (due.leased_by IS NULL",
      replace: "WHERE 0 AND NOT (due.leased_by IS NULL",
    },
  ],
};

/** No bugs: what a test needs the world to be like. */
export const CONDITIONS: Readonly<Record<string, readonly Change[]>> = {
  "three-days-ago": daysAgo(3),
  "two-days-ago": daysAgo(2),
};

function daysAgo(days: number): Change[] {
  const find = "now: () => Date.now()";
  return [{ file: "core/src/runtime/system-runtime.ts", find, replace: `${find} - ${days * 86_400_000}` }];
}

/** Commits that return before they are on disk. */
function synchronous(setting: string, code: number): Change[] {
  const file = `${SQLITE}/connection.ts`;
  return [
    { file, find: `"PRAGMA synchronous = FULL"`, replace: `"PRAGMA synchronous = ${setting}"` },
    { file, find: "const SYNCHRONOUS_FULL = 2", replace: `const SYNCHRONOUS_FULL = ${code}` },
  ];
}

function limit(find: string, replace: string): Change {
  return { file: "core/src/domain/limits.ts", find: `${find};`, replace: `${replace};` };
}

/** Node's flags that break one part of the program. */
export function brokenArgs(name: string): string[] {
  return argsOf(name, MUTANTS);
}

/** Node's flags that set a condition. */
export function conditionArgs(name: string): string[] {
  return argsOf(name, CONDITIONS);
}

function argsOf(name: string, from: Readonly<Record<string, readonly Change[]>>): string[] {
  if (from[name] === undefined) {
    throw new Error(`There is no ${name}; there are ${Object.keys(from).join(", ")}.`);
  }
  return ["--import", `${join(import.meta.dirname, "load.ts")}?${name}`];
}

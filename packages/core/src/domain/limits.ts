/** Every bound of the product, one constant each. Sizes in bytes, times in milliseconds. */
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from "./time.ts";

// ---- what may come in
/** One request body. Svix advises 40 kB a payload and takes 350 kB; more than this belongs behind a link. */
export const REQUEST_BODY_MAX_BYTES = 1_048_576;
/** A batch carries many messages, so it may be larger than one; still bounded well below memory. */
export const BATCH_BODY_MAX_BYTES = 16 * REQUEST_BODY_MAX_BYTES;
export const BATCH_MESSAGES_MAX = 1_000;
/** Nesting of a JSON body. Receivers' parsers overflow on more, long before ours does. */
export const JSON_DEPTH_MAX = 64;
export const METADATA_MAX_BYTES = 4_096;
export const IDEMPOTENCY_KEY_MAX_CHARS = 256;
/** How long a key answers with its first answer. */
export const IDEMPOTENCY_TTL_MS = 24 * HOUR_MS;

/** Deliveries that one step of a cancellation ends: another one's write waits no longer than for that. */
export const CANCEL_BATCH = 500;

/** How far ahead a message may be scheduled, as at Svix. */
export const DELIVER_AT_AHEAD_MAX_MS = 24 * HOUR_MS;

// ---- lists
export const LIST_DEFAULT = 50;
export const LIST_MAX = 250;
/** Rows that one statement of a filtered list looks at; a filter may match next to nothing in a long history. */
export const LIST_SCAN_ROWS = 1_500;
/** Steps of so many rows that one call of a list takes; it then says where to go on. */
export const SEARCH_STEPS_MAX = 1;
/** The rows of a step of full text, and the bytes of payloads after which it ends. */
export const SEARCH_TEXT_ROWS = 1_500;
export const SEARCH_TEXT_BYTES_MAX = 4 * 1_048_576;
export const SEARCH_TEXT_MAX_CHARS = 256;
export const SEARCH_WORDS_MAX = 10;
/** Pages of messages that one call looks through for those of one endpoint. */
export const STANDING_PAGES_MAX = 4;

/** Attempts that one step of counting them looks at, and one request in all, over all the endpoints that it counts. */
export const COUNT_STEP_ROWS = 10_000;
export const COUNT_ROWS_MAX = 1_000_000;
/** Deliveries that are owed to one endpoint are counted up to here. */
export const OWED_COUNTED_MAX = 1_000_000;

/** Spans of time that one answer counts apart. */
export const COUNT_SPANS_MAX = 2_000;

// ---- secrets
export const SECRET_GRACE_DEFAULT_S = 24 * 3_600;
export const SECRET_GRACE_MAX_S = 7 * 24 * 3_600;
/** Old keys that may still sign beside the current one. */
export const OLD_SECRETS_MAX = 10;
export const SECRET_BYTES = 32;

/** Expired API keys and tokens stay in lists so long; then a new one removes some of them. */
export const CREDENTIALS_KEPT_MS = 30 * DAY_MS;
export const CREDENTIALS_FORGOTTEN_AT_ONCE = 1_000;

// ---- one attempt
export const ATTEMPT_TIMEOUT_MS = 30 * SECOND_MS;
export const ATTEMPT_TIMEOUT_MIN_MS = SECOND_MS;
/** How much of a response is stored with the attempt. */
export const RESPONSE_BODY_STORED_MAX_BYTES = 16_384;

// ---- test attempts
/** Test attempts under way in one process, and of one application among them; beyond it they answer 429. */
export const TEST_ATTEMPTS_MAX = 64;
export const TEST_ATTEMPTS_PER_APP_MAX = 4;
/** How long the answer waits until the attempt is recorded. */
export const TEST_RECORD_WAIT_MS = 10 * SECOND_MS;

// ---- transformations
/** Characters of the code, as in Svix's contract. */
export const TRANSFORMATION_CODE_MAX_CHARS = 51_200;
export const TRANSFORMATION_CODE_MIN_CHARS = 10;
export const TRANSFORMATION_VARIABLES_MAX = 100;
export const TRANSFORMATION_VARIABLES_MAX_BYTES = 16_384;
/** Processor time of one run. */
export const TRANSFORMATION_TIME_MAX_MS = 100;
/** What the interpreter does not notice itself ends with its thread, this long after the run began. */
export const TRANSFORMATION_KILL_AFTER_MS = SECOND_MS;
/** What a run may allocate, its input and output included. */
export const TRANSFORMATION_MEMORY_MAX_BYTES = 16 * 1_048_576;
export const TRANSFORMATION_STACK_MAX_BYTES = 262_144;
/** Characters of what a run returns: the largest payload with its frame. */
export const TRANSFORMATION_OUTPUT_MAX_CHARS = REQUEST_BODY_MAX_BYTES + 262_144;
/** Of a failure's own words. */
export const TRANSFORMATION_ERROR_MAX_CHARS = 300;
/** Threads: all but the last never take the code of an endpoint that was slow. */
export const TRANSFORMATION_THREADS = 2;
/** A thread keeps so many endpoints' sandboxes, ready to run; each takes about half a megabyte. */
export const TRANSFORMATION_SANDBOXES_MAX = 32;
/** A run this long makes its endpoint a slow one, until so many runs in a row were quicker. */
export const TRANSFORMATION_SLOW_MS = 20;
export const TRANSFORMATION_PAROLE_RUNS = 20;
/** Slow endpoints that are remembered; the oldest is forgotten beyond it. */
export const TRANSFORMATION_SLOW_MAX = 10_000;
/** Simulations that wait or run; beyond it they answer 429. */
export const TRANSFORMATION_SIMULATIONS_MAX = 64;

// ---- access to receivers
/** Characters of a certificate with its key, or of authorities, in PEM; and the certificates in it. */
export const TLS_PEM_MAX_CHARS = 32_768;
export const IDENTITY_CERTIFICATES_MAX = 10;
/** Of an RSA key that we sign with, on the thread that does everything else: twice the bits take six times as long. */
export const RSA_KEY_MAX_BITS = 4_096;
/** Certificates and authorities that are kept ready for connections; made again beyond it. */
export const TLS_CONTEXTS_MAX = 500;
/** How long a token server may take; the attempt's own time bounds it too. */
export const OAUTH_TIMEOUT_MS = 10 * SECOND_MS;
/** Access tokens in memory; the one used longest ago is forgotten beyond it. */
export const OAUTH_TOKENS_CACHED_MAX = 10_000;
/** Life of a token whose server does not tell it, and the longest that is believed. */
export const OAUTH_TOKEN_LIFE_DEFAULT_MS = 5 * MINUTE_MS;
export const OAUTH_TOKEN_LIFE_MAX_MS = DAY_MS;
/** A token is not used for this last part of its life, at most so long: the request has to arrive meanwhile. */
export const OAUTH_TOKEN_MARGIN_PART = 0.1;
export const OAUTH_TOKEN_MARGIN_MAX_MS = MINUTE_MS;
/** Seconds that a signed assertion of ours is valid, and the longest. */
export const OAUTH_ASSERTION_LIFE_S = 300;
export const OAUTH_ASSERTION_LIFE_MAX_S = 3_600;
/** Characters of what a token server says was wrong. */
export const OAUTH_ERROR_MAX_CHARS = 200;
/** Scopes, and characters of each text of an OAuth configuration. */
export const OAUTH_SCOPES_MAX = 50;
export const OAUTH_TEXT_MAX_CHARS = 4_096;
export const OAUTH_EXTRAS_MAX = 20;

// ---- retries
/** After the first attempt at once: 27 h 35 min in all, as Svix and Standard Webhooks recommend. */
export const RETRY_SCHEDULE_MS: readonly number[] = [
  5 * SECOND_MS,
  5 * MINUTE_MS,
  30 * MINUTE_MS,
  2 * HOUR_MS,
  5 * HOUR_MS,
  10 * HOUR_MS,
  10 * HOUR_MS,
];
export const RETRY_SCHEDULE_ENTRIES_MAX = 20;
export const RETRY_DELAY_MAX_MS = 7 * DAY_MS;
/** A delay is spread over ±20 %, so that a receiver's recovery does not meet every retry at once. */
export const RETRY_JITTER = 0.2;
/** The longest wait a receiver may ask for with Retry-After. */
export const RETRY_AFTER_MAX_MS = 24 * HOUR_MS;
/** An endpoint that has only failed for this long is disabled. */
export const FAILING_DISABLE_AFTER_MS = 5 * DAY_MS;

// ---- lanes
export const LANE_CONCURRENCY = 16;
/** A lane nobody has heard from yet starts here and earns the rest: a dead endpoint holds few sockets. */
export const LANE_CONCURRENCY_START = 4;
/** Failures in a row (timeouts, refusals, 5xx, 429) after which a lane only probes: one attempt at a time. */
export const BREAKER_FAILURES = 5;
/** The pause between two probes of one lane doubles from the first to the second. */
export const BREAKER_PROBE_MIN_MS = 250;
export const BREAKER_PROBE_MAX_MS = SECOND_MS;
/** All broken lanes together probe at most this often, so ten thousand dead endpoints cost what a hundred do. */
export const BREAKER_PROBES_PER_S = 200;
/** After an outage a lane may double its concurrency once in this time. */
export const RAMP_STEP_MS = SECOND_MS;
/** The longest that one Retry-After holds a whole lane back. */
export const LANE_HOLD_MAX_MS = 60 * SECOND_MS;
/** Deliveries one lane keeps in memory; the rest waits in the store. */
export const LANE_QUEUE_MAX = 128;
/** Deliveries all lanes keep in memory, and the bytes of their payloads. */
export const LANES_QUEUE_MAX = 8_192;
export const LANES_BYTES_MAX = 48 * 1_048_576;
/** One lane gets at most this part of the places that are free, and of the bytes: the last never go to one. */
export const LANE_SHARE_OF_PLACES = 1 / 64;
export const LANE_SHARE_OF_BYTES = 1 / 8;
/** Attempts in flight in one process. */
export const IN_FLIGHT_MAX = 4_096;
/**
 * Of them, lanes without a recent success hold at most half, so that thousands of hanging endpoints leave room;
 * probes of broken lanes have a part of their own; and the first attempt of a lane that nothing is held against
 * may go a little further than the half, so that a quiet endpoint never waits behind hanging ones.
 */
export const IN_FLIGHT_UNPROVEN_MAX = IN_FLIGHT_MAX / 2;
export const IN_FLIGHT_PROBES_MAX = IN_FLIGHT_MAX / 8;
export const IN_FLIGHT_FIRST_MAX = (IN_FLIGHT_MAX * 3) / 4;
/** How long a success counts as recent. */
export const PROVEN_MS = 2 * SECOND_MS;
/** Attempts started in one turn of the event loop, so that a backlog does not hold up ingest. */
export const STARTS_PER_TURN_MAX = 64;
/** Deliveries a broken lane keeps in memory. */
export const LANE_BROKEN_QUEUE_MAX = 8;
/** A FIFO lane in trouble claims one at a time; a healthy one this many. */
export const LANE_FIFO_QUEUE_MAX = 64;
/** Lanes kept in memory; beyond it those without work are forgotten, a part at a time. */
export const LANES_MAX = 20_000;
export const LANES_FORGET_STEP = LANES_MAX / 20;
/** What was learned of an endpoint is kept at least this long after its last attempt. */
export const LANE_MEMORY_MS = 10 * MINUTE_MS;
/** A throttled lane may run this part of a second ahead. */
export const THROTTLE_BURST_S = 0.05;
/** Deficit round robin: how many payload bytes an application may send before the next one's turn. */
export const FAIR_QUANTUM_BYTES = 16_384;
export const THROTTLE_RATE_MAX = 65_535;

// ---- the store
/** Deliveries that one request may cause: 1,000 messages to 100 endpoints each. */
export const DELIVERIES_PER_REQUEST_MAX = 100_000;
/** Rows in one commit (a message, each of its deliveries, a settled attempt); what comes meanwhile gathers for the next. */
export const COMMIT_BATCH_MAX = 512;
/**
 * Where every commit is a round trip to a database: after one of at least so many requests or attempts the next waits so
 * long for others, unless so many rows are there already. Nobody waits for what is settled. Measured with one node and
 * with two.
 */
export const COMMIT_GATHER_FROM = 4;
export const ACCEPT_GATHER = { ms: 2, rows: 64 };
export const SETTLE_GATHER = { ms: 8, rows: 256 };
/** The same, waiting for a commit; beyond it ingest answers 503. */
export const COMMIT_QUEUE_MAX = 20_000;
export const CLAIM_BATCH_MAX = 512;
export const CLAIM_LANES_MAX = 1_000;
/** Payload bytes of one claim: the most, and what it may take when memory is full (one of the largest payloads). */
export const CLAIM_BYTES_MAX = 8 * 1_048_576;
export const CLAIM_BYTES_MIN = 1_048_576;
/** How often due retries are looked for, and the least pause between two looks. */
export const CLAIM_INTERVAL_MS = 200;
export const CLAIM_PAUSE_MS = 5;
/** The pause after a look is as long as the look, at most this: a process that was stopped meanwhile did not look. */
export const CLAIM_PAUSE_MAX_MS = SECOND_MS;
/** How often a database is asked what became of a commit whose connection was lost, and the pause between. */
export const OUTCOME_ASKS_MAX = 20;
export const OUTCOME_PAUSE_MS = 250;
/** Commits of which it is not known whether they went through, remembered until it is. */
export const DOUBTFUL_COMMITS_MAX = 1_000;
/** How often the messages of a batch are tried whose key or event id turned out to be free after all. */
export const ACCEPT_ROUNDS_MAX = 4;
/** How often a transaction is tried again that another one was in the way of. */
export const COLLISION_RETRIES_MAX = 5;
/** How many of a FIFO endpoint's oldest deliveries are looked at for one that is being sent. */
export const FIFO_WINDOW = 1_024;
/** Deliveries that are owed are counted up to here for the metrics; beyond it their number is estimated. */
export const DUE_COUNTED_MAX = 10_000;
/** Changes that other nodes have seen long since are removed, so many at a time, every so many questions for them. */
export const CHANGES_FORGOTTEN_AT_ONCE = 10_000;
export const CHANGES_FORGET_EVERY = 100;
/** An attempt's id may be older than its message's by this much: two nodes made them, each by its own clock. */
export const NODE_CLOCKS_APART_MAX_MS = DAY_MS;
export const LEASE_RELEASE_BATCH = 5_000;
export const RETENTION_DAYS_DEFAULT = 90;
export const RETENTION_DAYS_MAX = 3_650;
/** A deleted environment: rows of each table, and applications, that one step of removing it looks at. */
export const PURGE_ROWS = 200;
export const PURGE_APPLICATIONS = 100;
export const PURGE_INTERVAL_MS = 5 * SECOND_MS;
/** How long it is watched for what was on its way in, before its applications and its encryption key go as well. */
export const ENVIRONMENT_WATCH_MS = HOUR_MS;
/** Environments of one installation: every node keeps the rules of all of them in memory. */
export const ENVIRONMENTS_MAX = 500;
export const RETENTION_INTERVAL_MS = MINUTE_MS;
export const RESUME_INTERVAL_MS = MINUTE_MS;
export const PRUNE_BATCH = 500;
/** Applications that retention looks at in one step, and messages that it removes in one transaction. */
export const PRUNE_APPLICATIONS = 200;
export const PRUNE_MESSAGES = 100;
/** Old messages that one call looks at where most are still owed; the next goes on behind them. */
export const PRUNE_LOOKED_MAX = 20_000;
/** Expired keys and deliveries that one statement of retention removes. */
export const PRUNE_ROWS = 5_000;
/** Pages of a day's table that one statement of retention reads. */
export const DROP_DAY_PAGES = 4_096;
/** How long removing a day may wait for what uses that day, and for what uses the table, which then stands still. */
export const DROP_DAY_WAIT_MS = 2 * SECOND_MS;
export const DROP_TABLE_WAIT_MS = 500;
/** Applications (with their endpoints) kept in memory for matching. */
export const ROUTING_APPS_MAX = 10_000;
export const ENDPOINTS_PER_APP_MAX = 1_000;

// ---- operational webhooks
/** Of an environment; each event is one more delivery to each of them. */
export const OPERATIONAL_ENDPOINTS_MAX = 50;
/** Failed attempts of one delivery after which it is told that it is failing (Svix's number). */
export const OPERATIONAL_FAILING_ATTEMPTS = 4;

// ---- payloads that go once they are delivered (`wipeSuccessfulPayload`)
/** Messages that one step looks at, and the rest after a step that left others. */
export const WIPE_BATCH = 100;
export const WIPE_PAUSE_MS = 10;
/** How often delivered messages are looked for. */
export const WIPE_INTERVAL_MS = 2 * SECOND_MS;
/** One that may not go yet is looked at again once it is twice as old, after this long at least and at most. */
export const WIPE_LOOK_AGAIN_MIN_MS = MINUTE_MS;
export const WIPE_LOOK_AGAIN_MAX_MS = DAY_MS;

// ---- polling endpoints
export const POLLING_ENDPOINTS_PER_APP_MAX = 20;
/** Consumers of one polling endpoint. */
export const POLLING_CONSUMERS_MAX = 1_000;
/** Messages that one poll gives a position to. */
export const POLLING_SEQUENCE_MAX = 1_000;
/** Pages of messages that one poll with a filter looks at. */
export const POLLING_PAGES_MAX = 10;
/** How often a poll tries again when another one of the same consumer came in between. */
export const POLLING_TRIES_MAX = 10;
export const POLLING_LEASE_MAX_MS = HOUR_MS;
// ---- background tasks
/** Messages that one step of a replay looks at, and how many due deliveries of its endpoint make it wait. */
export const TASK_PAGE = 64;
export const TASK_BACKLOG_MAX = 128;
/** Messages, and applications, that a step of other tasks looks at. */
export const TASK_READ_PAGE = 500;
export const TASK_APPLICATIONS = 50;
/** Payload characters that one step of a broadcast stores, over its applications; at least one goes out. */
export const BROADCAST_STEP_CHARS = 4 * REQUEST_BODY_MAX_BYTES;
/** Results of one task. */
export const TASK_RESULTS_MAX = 10_000;
/** Steps before the next task's turn. */
export const TASK_STEPS_IN_A_TURN = 50;
/** The rest after a step: at least so long (640 replayed deliveries a second), and so many times as long as the step. */
export const TASK_PACE_MS = 100;
export const TASK_YIELD = 4;
/** How long a task waits for its endpoint to keep up, and how often tasks are looked for when there is none. */
export const TASK_WAIT_MS = 250;
export const TASK_POLL_MS = 500;

// ---- many nodes on one store
/** How often a node tells the others that it lives, and how long one beat may take. */
export const NODE_BEAT_MS = SECOND_MS;
export const NODE_BEAT_TIMEOUT_MS = 2 * SECOND_MS;
/** A node whose last beat that came through is older starts nothing: well before the others call it dead. */
export const NODE_HOLD_AFTER_MS = 4 * SECOND_MS;
/** A node whose count of beats stands still for this long is dead. */
export const NODE_DEAD_AFTER_MS = 5 * SECOND_MS;
/** After it joined, a node leaves lanes that only one may serve alone until the others have seen it. */
export const NODE_SETTLE_MS = 2.5 * NODE_BEAT_MS;
/** One node takes over from a dead one; each of the others waits this much longer before it does it instead. */
export const TAKEOVER_STEP_MS = 2 * NODE_BEAT_MS;
/** How long releasing an own lost lease waits for attempts that are to be recorded under it. */
export const TAKEOVER_SETTLE_MS = 2 * SECOND_MS;
/** Lanes whose owner is remembered; worked out again beyond it. */
export const LANE_OWNERS_CACHED_MAX = 20_000;
/** How often writes of other nodes are looked for; without an answer for longer than the second, memory is not believed. */
export const CHANGE_POLL_MS = 250;
export const CHANGE_STALE_MS = 5 * SECOND_MS;
/**
 * How long whoever calls deliveries off waits for the other nodes to hand back what they hold, and how often it looks: one
 * that hangs is declared dead sooner.
 */
export const RECALL_TIMEOUT_MS = 2 * NODE_DEAD_AFTER_MS;
export const RECALL_POLL_MS = 50;
/** Looks for due retries are spread by this part, so that nodes do not look in step. */
export const CLAIM_JITTER = 0.2;

// ---- shutdown
export const DRAIN_TIMEOUT_MS = 10 * SECOND_MS;

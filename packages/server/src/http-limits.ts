/** Every bound of the HTTP side, one constant each. Times in milliseconds, sizes in bytes. */
import { MINUTE_MS, SECOND_MS } from "@posthaste/core/domain/time";

/** From the first byte of a request to its last: a client that drips its body is cut off here. */
export const REQUEST_TIMEOUT_MS = 30 * SECOND_MS;
export const HEADERS_TIMEOUT_MS = 10 * SECOND_MS;
/** How often connections are looked at for these two: without it Node looks every half minute. */
export const CONNECTIONS_CHECK_MS = SECOND_MS;
/** A socket on which nothing moves, also while we work on its request. */
export const CONNECTION_TIMEOUT_MS = MINUTE_MS;
/** Longer than the idle time of common load balancers (60 s), so that they close first and never race us. */
export const KEEP_ALIVE_TIMEOUT_MS = 72 * SECOND_MS;
/** How long a client may take to read the last answer on a connection: a server that stops waits for it. */
export const LAST_ANSWER_TIMEOUT_MS = 2 * SECOND_MS;
/** A connection is renewed after this many requests, so that load spreads over new processes. */
export const REQUESTS_PER_SOCKET_MAX = 100_000;
export const CONNECTIONS_MAX = 10_000;
export const HEADERS_MAX_BYTES = 16_384;
/** Far more than browsers and a chain of proxies send. */
export const HEADERS_MAX = 200;
/** Longer than the longest id, uid or event type name. */
export const PATH_PARAMETER_MAX_CHARS = 300;

/** API keys and tokens kept in memory, and how long: one that was taken away stops working within this time. */
export const CREDENTIALS_CACHED_MAX = 10_000;
export const CREDENTIAL_CACHE_MS = 5 * SECOND_MS;
/** Look-ups of unknown keys and tokens at a time: whoever guesses does not keep the database from the others. */
export const CREDENTIAL_LOOKUPS_MAX = 256;
/** 32 characters of 62: 190 bits. */
export const TOKEN_RANDOM_CHARS = 32;
/** How long a link into the portal can be opened: it is turned into a session once. */
export const ONE_TIME_TOKEN_MS = MINUTE_MS;
/** Life of a portal token in seconds, as Svix's contract has it. */
export const PORTAL_EXPIRY_DEFAULT_S = 604_800;
export const PORTAL_EXPIRY_MIN_S = 3_600;
export const PORTAL_EXPIRY_MAX_S = 604_800;
/** The longest a revocation can be put off, seconds. */
export const EXPIRY_DELAY_MAX_S = 259_200;
/** The longest life of a token that sends messages, and of an API key made with an end, seconds: ten years. */
export const TOKEN_EXPIRY_MAX_S = 315_360_000;

/** A quota saves up so many seconds' worth, so that a short burst comes through. */
export const QUOTA_BURST_S = 10;
/** Credentials, and applications, whose use is counted; beyond it the one that was idle longest starts anew. */
export const QUOTA_BUCKETS_MAX = 10_000;
/** Requests a second with one portal or message token, unless the operator says otherwise: a busy portal makes ten. */
export const TOKEN_REQUESTS_PER_S_DEFAULT = 100;
export const QUOTA_RATE_MAX = 1_000_000;

/** Control-plane requests with an Idempotency-Key that are being worked on. */
export const IDEMPOTENT_IN_FLIGHT_MAX = 10_000;

/** One page of a list: with payloads of 1 MiB each a full page would not fit into memory many times. */
export const LIST_BODY_MAX_CHARS = 8 * 1_048_576;

/** Webhooks that one OpenAPI document may bring, and event types that one request reads. */
export const OPENAPI_EVENT_TYPES_MAX = 1_000;
export const EVENT_TYPES_READ_MAX = 10_000;
/** What the schemas of one document may come to once each stands alone, and how deep one may be. */
export const OPENAPI_EXPANDED_MAX_CHARS = 16 * 1_048_576;
export const OPENAPI_DEPTH_MAX = 100;
/** References to references that are followed. */
export const OPENAPI_REFERENCES_MAX = 8;

/**
 * `events` shows what is at least this old: by then every message of that time is on disk, so that one who reads on
 * from the last id misses none.
 */
export const EVENTS_SETTLED_MS = 10 * SECOND_MS;
/** Seconds a browser keeps the API reference without asking again. */
export const REFERENCE_CACHE_S = 300;

/** What people set of an environment, as JSON. */
export const ENVIRONMENT_SETTINGS_MAX_BYTES = 131_072;

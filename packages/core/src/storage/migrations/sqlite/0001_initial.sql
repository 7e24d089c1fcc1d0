-- Times are milliseconds since the Unix epoch. Ids are KSUIDs: their order is the order of creation, so no
-- table has an index by time. Every statement names the environment or the application.

CREATE TABLE environment (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  retention_days INTEGER NOT NULL,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE api_key (
  hash TEXT NOT NULL PRIMARY KEY,
  id TEXT NOT NULL,
  environment_id TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX api_key_environment ON api_key (environment_id);

CREATE TABLE event_type (
  environment_id TEXT NOT NULL,
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  archived INTEGER NOT NULL,
  deprecated INTEGER NOT NULL,
  schemas TEXT,
  group_name TEXT,
  feature_flags TEXT,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (environment_id, name)
) STRICT, WITHOUT ROWID;

-- deleted: 0 = live. A deleted application or endpoint is gone from every read at once; its row stays until
-- its deliveries and its history are gone. deleted_at is set by maintenance when it first meets the row.
CREATE TABLE application (
  id TEXT NOT NULL PRIMARY KEY,
  environment_id TEXT NOT NULL,
  uid TEXT,
  name TEXT NOT NULL,
  throttle_rate INTEGER,
  metadata TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  deleted INTEGER NOT NULL DEFAULT 0,
  deleted_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX application_environment ON application (environment_id, id);
CREATE UNIQUE INDEX application_uid ON application (environment_id, uid) WHERE uid IS NOT NULL AND deleted = 0;

CREATE TABLE endpoint (
  app_id TEXT NOT NULL,
  id TEXT NOT NULL,
  uid TEXT,
  url TEXT NOT NULL,
  description TEXT NOT NULL,
  throttle_rate INTEGER,
  event_types TEXT,
  channels TEXT,
  disabled INTEGER NOT NULL,
  disabled_reason TEXT,
  disabled_at INTEGER,
  failing_since INTEGER,
  secrets TEXT NOT NULL,
  headers TEXT NOT NULL,
  metadata TEXT NOT NULL,
  fifo INTEGER NOT NULL,
  timeout_ms INTEGER,
  retry_schedule_ms TEXT,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  deleted INTEGER NOT NULL DEFAULT 0,
  deleted_at INTEGER,
  -- 1: deleted, and nothing is owed to it any more.
  drained INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (app_id, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX endpoint_uid ON endpoint (app_id, uid) WHERE uid IS NOT NULL AND deleted = 0;
CREATE INDEX endpoint_orphaning ON endpoint (app_id, id) WHERE deleted = 1 AND drained = 0;
CREATE INDEX endpoint_deleted ON endpoint (app_id, deleted_at) WHERE deleted = 1 AND drained = 1;

-- Messages and attempts are insert-only and lie in the order of their making (seq, one sequence for both, never
-- used twice), so a commit of a thousand applications fills the same few pages as one of a single application.
-- The lists by application and by endpoint would each cost another page for nearly every row. They are filled
-- later, many rows at a time, in the order of their keys: every row up to `listed.seq` is in them, the few
-- thousand after it are read from the tables themselves.
CREATE TABLE message (
  seq INTEGER NOT NULL PRIMARY KEY,
  app_id TEXT NOT NULL,
  id TEXT NOT NULL,
  event_type TEXT NOT NULL,
  event_id TEXT,
  channels TEXT,
  tags TEXT,
  payload_expires_at INTEGER,
  created_at INTEGER NOT NULL,
  payload TEXT
) STRICT;
CREATE UNIQUE INDEX message_id ON message (id);
CREATE UNIQUE INDEX message_event_id ON message (app_id, event_id) WHERE event_id IS NOT NULL;
CREATE INDEX message_payload_expiry ON message (app_id, payload_expires_at)
  WHERE payload_expires_at IS NOT NULL AND payload IS NOT NULL;
CREATE TABLE message_list (
  app_id TEXT NOT NULL,
  id TEXT NOT NULL,
  seq INTEGER NOT NULL,
  PRIMARY KEY (app_id, id)
) STRICT, WITHOUT ROWID;

-- status, manual and delivery_state are numbers (see storage/codes.ts): this is the widest table.
CREATE TABLE attempt (
  seq INTEGER NOT NULL PRIMARY KEY,
  app_id TEXT NOT NULL,
  endpoint_id TEXT NOT NULL,
  message_id TEXT NOT NULL,
  id TEXT NOT NULL,
  url TEXT NOT NULL,
  timestamp INTEGER NOT NULL,
  status INTEGER NOT NULL,
  manual INTEGER NOT NULL,
  status_code INTEGER NOT NULL,
  error_class TEXT,
  duration_ms INTEGER NOT NULL,
  delivery_state INTEGER NOT NULL,
  next_attempt_at INTEGER,
  detail TEXT NOT NULL,
  response_body ANY NOT NULL
) STRICT;
CREATE INDEX attempt_message ON attempt (message_id, id);
CREATE TABLE attempt_list (
  app_id TEXT NOT NULL,
  endpoint_id TEXT NOT NULL,
  id TEXT NOT NULL,
  seq INTEGER NOT NULL,
  status INTEGER NOT NULL,
  status_code INTEGER NOT NULL,
  PRIMARY KEY (app_id, endpoint_id, id)
) STRICT, WITHOUT ROWID;
-- What did not succeed (status 0 is success) is asked for most, and rare.
CREATE INDEX attempt_list_unsuccessful ON attempt_list (app_id, endpoint_id, id) WHERE status <> 0;

-- One row.
CREATE TABLE listed (seq INTEGER NOT NULL) STRICT;
INSERT INTO listed (seq) VALUES (0);

-- Deliveries that have not ended: the only table that churns.
-- leased_by NULL: nobody is sending it. next_attempt_at NULL as well: paused until its endpoint is enabled.
-- manual 1: a person asked for the next attempt. once 1: there is no attempt after it.
-- Rows of the fast path are born leased and end leased, so they never touch the two indexes.
CREATE TABLE due (
  app_id TEXT NOT NULL,
  endpoint_id TEXT NOT NULL,
  message_id TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  next_attempt_at INTEGER,
  leased_by TEXT,
  manual INTEGER NOT NULL,
  once INTEGER NOT NULL,
  PRIMARY KEY (app_id, endpoint_id, message_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX due_waiting ON due (app_id, endpoint_id, next_attempt_at, message_id)
  WHERE leased_by IS NULL AND next_attempt_at IS NOT NULL;
CREATE INDEX due_paused ON due (app_id, endpoint_id, message_id)
  WHERE leased_by IS NULL AND next_attempt_at IS NULL;

-- Keys are random: an index on them would cost a page for each. The writer keeps a compact one in memory
-- instead (see sqlite/writer/key-index.ts), so rows lie in the order of their making and the oldest go first.
-- The scope is a hash that includes the environment. message_id is set for a message, status_code and body for
-- any other answer.
CREATE TABLE idempotency (
  seq INTEGER NOT NULL PRIMARY KEY,
  scope TEXT NOT NULL,
  body_hash TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  message_id TEXT,
  status_code INTEGER,
  body TEXT
) STRICT;
-- Full parts of that index; `first` is the seq that its entries count from.
CREATE TABLE idempotency_part (
  first INTEGER NOT NULL PRIMARY KEY,
  newest_at INTEGER NOT NULL,
  slots BLOB NOT NULL
) STRICT;

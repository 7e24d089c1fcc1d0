-- serves_from: 1
-- Times are milliseconds since the Unix epoch. Ids are KSUIDs: their order is the order of creation, so no table
-- has an index by time, and a range of ids is a range of days. Every key and index leads with the application or
-- the environment, so that the tables can be distributed (docs/guides/scaling.md); `environment`, `api_key`,
-- `node` and `change` are small and would be the same everywhere.
CREATE TABLE environment (
  id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  name TEXT COLLATE "C" NOT NULL UNIQUE,
  retention_days INTEGER NOT NULL,
  created_at BIGINT NOT NULL
);

CREATE TABLE api_key (
  hash TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  id TEXT COLLATE "C" NOT NULL,
  environment_id TEXT COLLATE "C" NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX api_key_environment ON api_key (environment_id);

CREATE TABLE event_type (
  environment_id TEXT COLLATE "C" NOT NULL,
  name TEXT COLLATE "C" NOT NULL,
  description TEXT NOT NULL,
  archived BOOLEAN NOT NULL,
  deprecated BOOLEAN NOT NULL,
  schemas TEXT,
  group_name TEXT,
  feature_flags TEXT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (environment_id, name)
);

-- A deleted application or endpoint is gone from every read at once; its row stays until its deliveries and its
-- history are gone. deleted_at is set by maintenance when it first meets the row.
CREATE TABLE application (
  id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  environment_id TEXT COLLATE "C" NOT NULL,
  uid TEXT COLLATE "C",
  name TEXT NOT NULL,
  throttle_rate INTEGER,
  metadata TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  deleted BOOLEAN NOT NULL DEFAULT FALSE,
  deleted_at BIGINT
);
CREATE UNIQUE INDEX application_environment ON application (environment_id, id);
CREATE UNIQUE INDEX application_uid ON application (environment_id, uid) WHERE uid IS NOT NULL AND NOT deleted;

CREATE TABLE endpoint (
  app_id TEXT COLLATE "C" NOT NULL,
  id TEXT COLLATE "C" NOT NULL,
  uid TEXT COLLATE "C",
  url TEXT NOT NULL,
  description TEXT NOT NULL,
  throttle_rate INTEGER,
  event_types TEXT,
  channels TEXT,
  disabled BOOLEAN NOT NULL,
  disabled_reason TEXT,
  disabled_at BIGINT,
  failing_since BIGINT,
  secrets TEXT NOT NULL,
  headers TEXT NOT NULL,
  metadata TEXT NOT NULL,
  fifo BOOLEAN NOT NULL,
  timeout_ms INTEGER,
  retry_schedule_ms TEXT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  deleted BOOLEAN NOT NULL DEFAULT FALSE,
  deleted_at BIGINT,
  -- Deleted, and nothing is owed to it any more.
  drained BOOLEAN NOT NULL DEFAULT FALSE,
  PRIMARY KEY (app_id, id)
);
CREATE UNIQUE INDEX endpoint_uid ON endpoint (app_id, uid) WHERE uid IS NOT NULL AND NOT deleted;
CREATE INDEX endpoint_orphaning ON endpoint (app_id, id) WHERE deleted AND NOT drained;
CREATE INDEX endpoint_deleted ON endpoint (app_id, deleted_at) WHERE deleted AND drained;

-- Messages and attempts are insert-only. A partition holds the ids of one day (UTC); partitions are made ahead of
-- time by the program and dropped whole by retention.
CREATE TABLE message (
  app_id TEXT COLLATE "C" NOT NULL,
  id TEXT COLLATE "C" NOT NULL,
  event_type TEXT COLLATE "C" NOT NULL,
  event_id TEXT COLLATE "C",
  channels TEXT[],
  tags TEXT[],
  payload_expires_at BIGINT,
  created_at BIGINT NOT NULL,
  payload TEXT,
  PRIMARY KEY (app_id, id)
) PARTITION BY RANGE (id);
CREATE INDEX message_payload_expiry ON message (app_id, payload_expires_at)
  WHERE payload_expires_at IS NOT NULL AND payload IS NOT NULL;

-- An event id is unique across days, which an index of a partitioned table cannot be.
CREATE TABLE message_event (
  app_id TEXT COLLATE "C" NOT NULL,
  event_id TEXT COLLATE "C" NOT NULL,
  message_id TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (app_id, event_id)
);

-- status, manual and delivery_state are numbers (storage/codes.ts): this is the widest table.
CREATE TABLE attempt (
  app_id TEXT COLLATE "C" NOT NULL,
  endpoint_id TEXT COLLATE "C" NOT NULL,
  message_id TEXT COLLATE "C" NOT NULL,
  id TEXT COLLATE "C" NOT NULL,
  url TEXT NOT NULL,
  timestamp BIGINT NOT NULL,
  status SMALLINT NOT NULL,
  manual BOOLEAN NOT NULL,
  status_code SMALLINT NOT NULL,
  error_class TEXT,
  duration_ms INTEGER NOT NULL,
  delivery_state SMALLINT NOT NULL,
  next_attempt_at BIGINT,
  detail TEXT NOT NULL,
  -- The one that is not NULL is the body.
  response_text TEXT,
  response_bytes BYTEA,
  PRIMARY KEY (app_id, endpoint_id, id)
) PARTITION BY RANGE (id);
CREATE INDEX attempt_message ON attempt (app_id, message_id, id);
-- What did not succeed (status 0 is success) is asked for most, and rare.
CREATE INDEX attempt_unsuccessful ON attempt (app_id, endpoint_id, id) WHERE status <> 0;

-- Deliveries that have not ended: the only table that churns.
-- leased_by NULL: nobody is sending it. next_attempt_at NULL as well: paused until its endpoint is enabled.
-- manual: a person asked for the next attempt. once: there is no attempt after it.
-- ord: place in the order of a FIFO endpoint (drawn from due_order at accept), 0 for all others.
-- Rows of the fast path are born leased and end leased, so they never touch the two partial indexes.
CREATE TABLE due (
  app_id TEXT COLLATE "C" NOT NULL,
  endpoint_id TEXT COLLATE "C" NOT NULL,
  ord BIGINT NOT NULL,
  message_id TEXT COLLATE "C" NOT NULL,
  attempts INTEGER NOT NULL,
  next_attempt_at BIGINT,
  leased_by TEXT COLLATE "C",
  manual BOOLEAN NOT NULL,
  once BOOLEAN NOT NULL,
  PRIMARY KEY (app_id, endpoint_id, ord, message_id)
) WITH (
  fillfactor = 70,
  autovacuum_vacuum_scale_factor = 0.01,
  autovacuum_vacuum_threshold = 1000,
  autovacuum_vacuum_insert_scale_factor = 0.01,
  autovacuum_analyze_scale_factor = 0.05,
  autovacuum_vacuum_cost_limit = 2000
);
CREATE SEQUENCE due_order AS BIGINT MINVALUE 1;
CREATE INDEX due_waiting ON due (app_id, endpoint_id, next_attempt_at, message_id)
  WHERE leased_by IS NULL AND next_attempt_at IS NOT NULL;
CREATE INDEX due_paused ON due (app_id, endpoint_id, ord, message_id)
  WHERE leased_by IS NULL AND next_attempt_at IS NULL;
-- The deliveries of one message to FIFO endpoints; those to others are found by the primary key, as ord is 0.
CREATE INDEX due_ordered ON due (app_id, message_id, endpoint_id) WHERE ord <> 0;

-- message_id is set for a message, status_code and body for any other answer.
CREATE TABLE idempotency (
  environment_id TEXT COLLATE "C" NOT NULL,
  scope TEXT COLLATE "C" NOT NULL,
  body_hash TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  message_id TEXT COLLATE "C",
  status_code SMALLINT,
  body TEXT,
  PRIMARY KEY (environment_id, scope)
);
CREATE INDEX idempotency_age ON idempotency (environment_id, created_at);

-- Processes on this database. A commit locks its node's row (FOR KEY SHARE), declaring it dead locks it FOR UPDATE:
-- after that no commit of the node still in flight can add a lease.
CREATE TABLE node (
  id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  role TEXT NOT NULL,
  beats BIGINT NOT NULL DEFAULT 0,
  dead BOOLEAN NOT NULL DEFAULT FALSE
);

-- Which applications were written to, for the memory of the other nodes. The transaction's number tells what a
-- reader may not have seen yet: sequences are handed out in another order than transactions commit.
CREATE TABLE change (
  id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  xid XID8 NOT NULL DEFAULT pg_current_xact_id(),
  app_id TEXT COLLATE "C" NOT NULL,
  made_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE INDEX change_xid ON change (xid);

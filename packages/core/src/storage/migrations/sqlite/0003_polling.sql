-- Polling endpoints: see storage/port-polling.ts. position NULL: not numbered yet.
CREATE TABLE polling_head (
  app_id TEXT NOT NULL PRIMARY KEY,
  environment_id TEXT NOT NULL,
  position INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX polling_head_environment ON polling_head (environment_id, app_id);

CREATE TABLE polling_endpoint (
  app_id TEXT NOT NULL,
  id TEXT NOT NULL,
  environment_id TEXT NOT NULL,
  uid TEXT,
  event_types TEXT,
  metadata TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (app_id, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX polling_endpoint_uid ON polling_endpoint (app_id, uid) WHERE uid IS NOT NULL;

CREATE TABLE polling_consumer (
  app_id TEXT NOT NULL,
  endpoint_id TEXT NOT NULL,
  name TEXT NOT NULL,
  position INTEGER NOT NULL,
  leased_to INTEGER NOT NULL,
  leased_until INTEGER NOT NULL,
  version INTEGER NOT NULL,
  PRIMARY KEY (app_id, endpoint_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE polling_entry (
  app_id TEXT NOT NULL,
  message_id TEXT NOT NULL,
  position INTEGER,
  PRIMARY KEY (app_id, message_id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX polling_entry_position ON polling_entry (app_id, position) WHERE position IS NOT NULL;
CREATE INDEX polling_entry_new ON polling_entry (app_id, message_id) WHERE position IS NULL;

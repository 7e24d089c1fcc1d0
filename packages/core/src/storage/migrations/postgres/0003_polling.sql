-- serves_from: 1
-- Polling endpoints: see storage/port-polling.ts. position NULL: not numbered yet. An older program notes nothing for
-- them, so they are to be made once every node runs the newer one.
CREATE TABLE polling_head (
  app_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  environment_id TEXT COLLATE "C" NOT NULL,
  position BIGINT NOT NULL
);
CREATE INDEX polling_head_environment ON polling_head (environment_id, app_id);

CREATE TABLE polling_endpoint (
  app_id TEXT COLLATE "C" NOT NULL,
  id TEXT COLLATE "C" NOT NULL,
  environment_id TEXT COLLATE "C" NOT NULL,
  uid TEXT COLLATE "C",
  event_types TEXT,
  metadata TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (app_id, id)
);
CREATE UNIQUE INDEX polling_endpoint_uid ON polling_endpoint (app_id, uid) WHERE uid IS NOT NULL;

CREATE TABLE polling_consumer (
  app_id TEXT COLLATE "C" NOT NULL,
  endpoint_id TEXT COLLATE "C" NOT NULL,
  name TEXT COLLATE "C" NOT NULL,
  position BIGINT NOT NULL,
  leased_to BIGINT NOT NULL,
  leased_until BIGINT NOT NULL,
  version BIGINT NOT NULL,
  PRIMARY KEY (app_id, endpoint_id, name)
);

CREATE TABLE polling_entry (
  app_id TEXT COLLATE "C" NOT NULL,
  message_id TEXT COLLATE "C" NOT NULL,
  position BIGINT,
  PRIMARY KEY (app_id, message_id)
);
CREATE UNIQUE INDEX polling_entry_position ON polling_entry (app_id, position) WHERE position IS NOT NULL;
CREATE INDEX polling_entry_new ON polling_entry (app_id, message_id) WHERE position IS NULL;

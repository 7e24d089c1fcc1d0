-- serves_from: 1
-- Messages to look at because a delivery of them succeeded, in environments that delete payloads then.
-- look_at: not before; 0 = at once. An older program notes none: what it delivers keeps its payload.
CREATE TABLE wipe (
  environment_id TEXT COLLATE "C" NOT NULL,
  message_id TEXT COLLATE "C" NOT NULL,
  app_id TEXT COLLATE "C" NOT NULL,
  look_at BIGINT NOT NULL,
  PRIMARY KEY (environment_id, message_id)
);
CREATE INDEX wipe_next ON wipe (environment_id, look_at);

-- Messages to look at because a delivery of them succeeded, in environments that delete payloads then.
-- look_at: not before; 0 = at once.
CREATE TABLE wipe (
  environment_id TEXT NOT NULL,
  message_id TEXT NOT NULL,
  app_id TEXT NOT NULL,
  look_at INTEGER NOT NULL,
  PRIMARY KEY (environment_id, message_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX wipe_next ON wipe (environment_id, look_at);

-- Work that outlives a request. held_by: the process that works on it; version: raised by every claim, so that a step
-- of an earlier holder changes nothing.
CREATE TABLE background_task (
  environment_id TEXT NOT NULL,
  id TEXT NOT NULL,
  kind TEXT NOT NULL,
  status TEXT NOT NULL,
  work TEXT NOT NULL,
  progress TEXT NOT NULL,
  held_by TEXT,
  version INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (environment_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX background_task_running ON background_task (environment_id, id) WHERE status = 'running';

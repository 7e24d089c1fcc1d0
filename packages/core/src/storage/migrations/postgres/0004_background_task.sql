-- serves_from: 1
-- Work that outlives a request. held_by: the node that works on it; version: raised by every claim, so that a step of
-- an earlier holder changes nothing.
CREATE TABLE background_task (
  environment_id TEXT COLLATE "C" NOT NULL,
  id TEXT COLLATE "C" NOT NULL,
  kind TEXT COLLATE "C" NOT NULL,
  status TEXT COLLATE "C" NOT NULL,
  work TEXT NOT NULL,
  progress TEXT NOT NULL,
  held_by TEXT COLLATE "C",
  version BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (environment_id, id)
);
CREATE INDEX background_task_running ON background_task (environment_id, id) WHERE status = 'running';

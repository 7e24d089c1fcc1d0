-- What secrets are sealed with. Deleted endpoints sign nothing any more, so what was stored of them in the clear goes.
CREATE TABLE data_key (
  environment_id TEXT NOT NULL PRIMARY KEY,
  id TEXT NOT NULL,
  master_key_id TEXT NOT NULL,
  wrapped TEXT NOT NULL,
  complete INTEGER NOT NULL,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
UPDATE endpoint SET secrets = '[]', headers = '{}' WHERE deleted = 1;

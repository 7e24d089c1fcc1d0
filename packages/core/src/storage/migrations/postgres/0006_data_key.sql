-- serves_from: 2
-- What secrets are sealed with. Deleted endpoints sign nothing any more, so what was stored of them in the clear goes.
CREATE TABLE data_key (
  environment_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  id TEXT COLLATE "C" NOT NULL,
  master_key_id TEXT COLLATE "C" NOT NULL,
  wrapped TEXT NOT NULL,
  complete BOOLEAN NOT NULL,
  created_at BIGINT NOT NULL
);
UPDATE endpoint SET secrets = '[]', headers = '{}' WHERE deleted;

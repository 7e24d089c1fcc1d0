-- serves_from: 2
-- API keys get a name, scopes and an end; beside them lie the tokens of one application (`app_id`), kept by hash alike.
-- An older program would take every one of them for a key that may do everything: it must not go on.
ALTER TABLE api_key
  ADD COLUMN kind text,
  ADD COLUMN prefix text,
  ADD COLUMN name text,
  ADD COLUMN scopes text,
  ADD COLUMN app_id text COLLATE "C",
  ADD COLUMN session_id text,
  ADD COLUMN feature_flags text,
  ADD COLUMN expires_at bigint;
DROP INDEX api_key_environment;
CREATE INDEX api_key_id ON api_key (environment_id, id);
CREATE INDEX api_key_application ON api_key (environment_id, app_id) WHERE app_id IS NOT NULL;
CREATE INDEX api_key_keys ON api_key (environment_id, id) WHERE app_id IS NULL;
CREATE INDEX api_key_expiry ON api_key (environment_id, expires_at) WHERE expires_at IS NOT NULL;

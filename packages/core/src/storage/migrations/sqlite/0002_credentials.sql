-- API keys get a name, scopes and an end; beside them lie the tokens of one application (`app_id`), kept by hash alike.
ALTER TABLE api_key ADD COLUMN kind TEXT;
ALTER TABLE api_key ADD COLUMN prefix TEXT;
ALTER TABLE api_key ADD COLUMN name TEXT;
ALTER TABLE api_key ADD COLUMN scopes TEXT;
ALTER TABLE api_key ADD COLUMN app_id TEXT;
ALTER TABLE api_key ADD COLUMN session_id TEXT;
ALTER TABLE api_key ADD COLUMN feature_flags TEXT;
ALTER TABLE api_key ADD COLUMN expires_at INTEGER;
DROP INDEX api_key_environment;
CREATE INDEX api_key_id ON api_key (environment_id, id);
CREATE INDEX api_key_application ON api_key (environment_id, app_id) WHERE app_id IS NOT NULL;
CREATE INDEX api_key_keys ON api_key (environment_id, id) WHERE app_id IS NULL;
CREATE INDEX api_key_expiry ON api_key (environment_id, expires_at) WHERE expires_at IS NOT NULL;

-- What people set of an environment. NULL: as every environment was before: production, nothing set, never changed.
ALTER TABLE environment ADD COLUMN type TEXT;
ALTER TABLE environment ADD COLUMN settings TEXT;
ALTER TABLE environment ADD COLUMN updated_at INTEGER;
ALTER TABLE environment ADD COLUMN deleted INTEGER;
UPDATE environment SET type = 'development' WHERE name = 'sandbox';

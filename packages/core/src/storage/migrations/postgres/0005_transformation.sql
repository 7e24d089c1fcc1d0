-- serves_from: 1
-- What changes an endpoint's requests before they are sent, as JSON.
ALTER TABLE endpoint ADD COLUMN transformation TEXT;

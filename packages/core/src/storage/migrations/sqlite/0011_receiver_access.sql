-- What an endpoint's receiver asks of us beside the signature (OAuth, certificates), as JSON, sealed.
ALTER TABLE endpoint ADD COLUMN access TEXT;

-- serves_from: 1
-- What a broadcast sends; only whoever works on the task reads it, and it goes when the task ends.
ALTER TABLE background_task ADD COLUMN payload TEXT;

-- serves_from: 1
-- Waits between the attempts of an event type's messages, JSON array of milliseconds; NULL for nearly all.
ALTER TABLE event_type ADD COLUMN retry_schedule_ms TEXT;
CREATE INDEX event_type_retries ON event_type (environment_id, name) WHERE retry_schedule_ms IS NOT NULL;

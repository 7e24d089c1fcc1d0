-- serves_from: 1
-- When a scheduled message is sent; its deliveries come due then. NULL for nearly all.
ALTER TABLE message ADD COLUMN deliver_at BIGINT;

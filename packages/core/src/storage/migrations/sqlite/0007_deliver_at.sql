-- When a scheduled message is sent; its deliveries come due then. NULL for nearly all, which takes no byte of the row.
ALTER TABLE message ADD COLUMN deliver_at INTEGER;

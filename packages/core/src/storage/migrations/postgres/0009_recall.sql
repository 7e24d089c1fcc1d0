-- serves_from: 1
-- A change after which nodes hand back what they hold in memory of the application, as some of it may be owed no more.
ALTER TABLE change ADD COLUMN recalled BOOLEAN NOT NULL DEFAULT FALSE;
-- Up to where the node has done that: a snapshot, as that of the last change it read. NULL: not yet.
ALTER TABLE node ADD COLUMN seen TEXT COLLATE "C";

-- The journal's own tables, then the rows that the rooms declare (src/engine/tables.ts,
-- src/database/key-value.ts, src/server/access/token.ts, src/registries/*/tables.ts,
-- src/notify/tables.ts); a test compares them. Only key columns are NOT NULL: what else may be null is
-- said by the row types. JSON is canonical text.

-- One row: the end of the chain, and where it starts since retention dropped what was before.
-- Every transaction locks it first, so that the order of seq is the order of commits.
CREATE TABLE "head" (
  "id" INTEGER PRIMARY KEY CHECK ("id" = 1),
  "seq" INTEGER NOT NULL,
  "hash" TEXT NOT NULL,
  "anchorSeq" INTEGER NOT NULL,
  "anchorHash" TEXT NOT NULL
) STRICT;

INSERT INTO "head" VALUES (1, 0, '0000000000000000000000000000000000000000000000000000000000000000', 0, '0000000000000000000000000000000000000000000000000000000000000000');

-- The events of one transaction. hash covers prev, this row and the events (src/database/chain.ts).
CREATE TABLE "block" (
  "first" INTEGER PRIMARY KEY,
  "last" INTEGER NOT NULL,
  "prev" TEXT NOT NULL,
  "hash" TEXT NOT NULL,
  "at" INTEGER NOT NULL,
  "count" INTEGER NOT NULL
) STRICT;

CREATE INDEX "block_at" ON "block" ("at", "first");

CREATE TABLE "event" (
  "seq" INTEGER PRIMARY KEY,
  "at" INTEGER NOT NULL,
  "type" TEXT NOT NULL,
  "sync" TEXT,
  "scope" TEXT,
  "target" TEXT,
  "key" TEXT,
  "reason" TEXT,
  "actor" TEXT,
  "data" TEXT,
  -- Of the key, 0 to 15: see src/database/sqlite/bucket.ts.
  "bucket" INTEGER
) STRICT;

-- Entries of one bucket are appended in order, so that a commit touches 16 pages of this index at most; an
-- index by key would touch one for each event, and that was a third of what a commit cost (7 of 21 µs a
-- fact, 2026-11-21). The price: the events of one key are found by reading a sixteenth of this index.
CREATE INDEX "event_key" ON "event" ("bucket", "seq", "key", "sync") WHERE "key" IS NOT NULL;
CREATE INDEX "event_sync" ON "event" ("sync") WHERE "sync" IS NOT NULL;
CREATE INDEX "event_type" ON "event" ("type");
-- The noun of a type: delivery.applied → delivery.
CREATE INDEX "event_noun" ON "event" (substr("type", 1, instr("type", '.') - 1));

-- holder null: given up. The token grows with each new holder and is never used twice.
CREATE TABLE "lease" (
  "sync" TEXT PRIMARY KEY,
  "holder" TEXT,
  "token" INTEGER NOT NULL,
  "until" INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Written while the disk is full, to find out when it no longer is.
CREATE TABLE "probe" (
  "id" INTEGER PRIMARY KEY,
  "filler" BLOB
) STRICT;

CREATE TABLE "sync" (
  "sync" TEXT NOT NULL,
  "registry" TEXT,
  "state" TEXT,
  "lastPassAt" INTEGER,
  "lastPassOk" INTEGER,
  "nextPassAt" INTEGER,
  "seq" INTEGER NOT NULL,
  PRIMARY KEY ("sync")
) STRICT, WITHOUT ROWID;

CREATE TABLE "scope" (
  "sync" TEXT NOT NULL,
  "scope" TEXT NOT NULL,
  "state" TEXT,
  "why" TEXT,
  "detail" TEXT,
  "rank" INTEGER,
  "mark" TEXT,
  "troubles" TEXT,
  "lookedAt" INTEGER,
  "completeAt" INTEGER,
  "missedAt" INTEGER,
  "seq" INTEGER NOT NULL,
  PRIMARY KEY ("sync", "scope")
) STRICT, WITHOUT ROWID;

CREATE TABLE "entry" (
  "sync" TEXT NOT NULL,
  "scope" TEXT NOT NULL,
  "key" TEXT NOT NULL,
  "state" TEXT,
  "digest" TEXT,
  "label" TEXT,
  "item" TEXT,
  "stamp" TEXT,
  "note" TEXT,
  "origin" TEXT,
  "ordinal" TEXT,
  "missedAt" INTEGER,
  "misses" INTEGER,
  "seq" INTEGER NOT NULL,
  PRIMARY KEY ("sync", "scope", "key")
) STRICT;

CREATE TABLE "target" (
  "sync" TEXT NOT NULL,
  "target" TEXT NOT NULL,
  "state" TEXT,
  "why" TEXT,
  "detail" TEXT,
  "identity" TEXT,
  "fingerprint" TEXT,
  "epoch" INTEGER,
  "cursor" INTEGER,
  "owed" TEXT,
  "mark" TEXT,
  "lookedAt" INTEGER,
  "budgetLeft" REAL,
  "budgetAt" INTEGER,
  "attempts" INTEGER,
  "due" INTEGER,
  "seq" INTEGER NOT NULL,
  PRIMARY KEY ("sync", "target")
) STRICT, WITHOUT ROWID;

CREATE TABLE "delivery" (
  "sync" TEXT NOT NULL,
  "target" TEXT NOT NULL,
  "key" TEXT NOT NULL,
  "state" TEXT,
  "op" TEXT,
  "digest" TEXT,
  "digestLabel" TEXT,
  "want" TEXT,
  "label" TEXT,
  "reason" TEXT,
  "detail" TEXT,
  "until" TEXT,
  "attempts" INTEGER,
  "due" INTEGER,
  "handle" TEXT,
  "effectId" TEXT,
  "receipt" TEXT,
  "doubt" TEXT,
  "contest" TEXT,
  "epoch" INTEGER,
  "seq" INTEGER NOT NULL,
  PRIMARY KEY ("sync", "target", "key")
) STRICT, WITHOUT ROWID;

CREATE TABLE "hold" (
  "id" TEXT NOT NULL,
  "sync" TEXT,
  "target" TEXT,
  "key" TEXT,
  "gate" TEXT,
  "reason" TEXT,
  "subject" TEXT,
  "op" TEXT,
  "label" TEXT,
  "state" TEXT,
  "until" INTEGER,
  "by" TEXT,
  "seq" INTEGER NOT NULL,
  PRIMARY KEY ("id")
) STRICT, WITHOUT ROWID;

-- With rowids: a put that does not set the key writes over the row where it stands, and leaves the tree of keys alone
-- (13.7 → 8.0 µs a row in groups of 64; with its event 22 → 16 µs in the writer, 2026-11-21).
CREATE TABLE "kv" (
  "key" TEXT NOT NULL,
  "value" BLOB,
  "seq" INTEGER NOT NULL,
  PRIMARY KEY ("key")
) STRICT;

CREATE TABLE "store" (
  "name" TEXT NOT NULL,
  "value" TEXT,
  "seq" INTEGER NOT NULL,
  PRIMARY KEY ("name")
) STRICT, WITHOUT ROWID;

CREATE TABLE "token" (
  "id" TEXT NOT NULL,
  "name" TEXT,
  "hash" TEXT,
  "role" TEXT,
  "scopes" TEXT,
  "subject" TEXT,
  "createdAt" INTEGER,
  "createdBy" TEXT,
  "expiresAt" INTEGER,
  "revokedAt" INTEGER,
  "lastUsedAt" INTEGER,
  "seq" INTEGER NOT NULL,
  PRIMARY KEY ("id")
) STRICT, WITHOUT ROWID;

CREATE TABLE "capability_submission" (
  "sync" TEXT NOT NULL,
  "id" TEXT NOT NULL,
  "state" TEXT,
  "manifest" TEXT,
  "by" TEXT,
  "at" INTEGER,
  "seq" INTEGER NOT NULL,
  PRIMARY KEY ("sync", "id")
) STRICT;

CREATE TABLE "notice" (
  "sync" TEXT NOT NULL,
  "hook" TEXT NOT NULL,
  "address" TEXT,
  "state" TEXT,
  "cursor" INTEGER,
  "id" TEXT,
  "body" TEXT,
  "upto" INTEGER,
  "since" INTEGER,
  "ok" INTEGER,
  "attempts" INTEGER,
  "due" INTEGER,
  "seq" INTEGER NOT NULL,
  PRIMARY KEY ("sync", "hook")
) STRICT;

-- What a pass asks of the ledger, so that its cost grows with what is not yet settled and not with
-- what is: entries past a cursor, keys, absences that began, counts by state, deliveries due.
CREATE INDEX "entry_seq" ON "entry" ("sync", "seq");
CREATE INDEX "entry_key" ON "entry" ("sync", "key");
CREATE INDEX "entry_state" ON "entry" ("sync", "state", "scope");
CREATE INDEX "entry_missed" ON "entry" ("sync", "scope") WHERE "missedAt" IS NOT NULL;
CREATE INDEX "delivery_key" ON "delivery" ("sync", "key");
CREATE INDEX "delivery_state" ON "delivery" ("sync", "state", "target");
CREATE INDEX "delivery_due" ON "delivery" ("sync", "due") WHERE "due" IS NOT NULL;
CREATE INDEX "delivery_target_due" ON "delivery" ("sync", "target", "due") WHERE "due" IS NOT NULL;
CREATE INDEX "hold_sync" ON "hold" ("sync", "target");
CREATE INDEX "submission_seq" ON "capability_submission" ("sync", "seq");

-- The planner is told once how large ledgers are shaped, and ANALYZE is not run again: its plans must
-- not depend on how full the file was when somebody looked. Per index: rows in all, then how many share
-- the first column, the first two, and so on. States are asked for when they are rare.
ANALYZE;
DELETE FROM "sqlite_stat1";
INSERT INTO "sqlite_stat1" ("tbl", "idx", "stat") VALUES
  ('delivery', 'delivery', '5000000 1000000 100000 1'),
  ('delivery', 'delivery_key', '5000000 1000000 50'),
  ('delivery', 'delivery_state', '5000000 1000000 2000 100'),
  ('delivery', 'delivery_due', '1000 500 1'),
  ('delivery', 'delivery_target_due', '1000 500 20 1'),
  ('entry', 'sqlite_autoindex_entry_1', '100000 50000 10000 1'),
  ('entry', 'entry_seq', '100000 50000 1'),
  ('entry', 'entry_key', '100000 50000 1'),
  ('entry', 'entry_state', '100000 50000 100 10'),
  ('entry', 'entry_missed', '100 50 10'),
  ('event', 'event_key', '1000000 62500 1 1 1'),
  ('event', 'event_sync', '1000000 200000'),
  ('event', 'event_type', '1000000 50000'),
  ('event', 'event_noun', '1000000 100000');
ANALYZE "sqlite_schema";

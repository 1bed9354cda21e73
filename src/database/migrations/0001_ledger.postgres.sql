-- The journal's own tables, then the rows that the rooms declare (src/engine/tables.ts,
-- src/database/key-value.ts, src/server/access/token.ts, src/registries/*/tables.ts,
-- src/notify/tables.ts); a test compares them. Only key columns are NOT NULL: what else may be null is
-- said by the row types. JSON is canonical text.
-- COLLATE "C" sorts by code point, as every journal does.

-- One row: the end of the chain, and where it starts since retention dropped what was before.
-- Every transaction locks it first, so that the order of seq is the order of commits.
CREATE TABLE "head" (
  "id" bigint PRIMARY KEY CHECK ("id" = 1),
  "seq" bigint NOT NULL,
  "hash" text COLLATE "C" NOT NULL,
  "anchorSeq" bigint NOT NULL,
  "anchorHash" text COLLATE "C" NOT NULL
);

INSERT INTO "head" VALUES (1, 0, '0000000000000000000000000000000000000000000000000000000000000000', 0, '0000000000000000000000000000000000000000000000000000000000000000');

-- The events of one transaction. hash covers prev, this row and the events (src/database/chain.ts).
CREATE TABLE "block" (
  "first" bigint PRIMARY KEY,
  "last" bigint NOT NULL,
  "prev" text COLLATE "C" NOT NULL,
  "hash" text COLLATE "C" NOT NULL,
  "at" bigint NOT NULL,
  "count" bigint NOT NULL
);

CREATE INDEX "block_at" ON "block" ("at", "first");

CREATE TABLE "event" (
  "seq" bigint PRIMARY KEY,
  "at" bigint NOT NULL,
  "type" text COLLATE "C" NOT NULL,
  "sync" text COLLATE "C",
  "scope" text COLLATE "C",
  "target" text COLLATE "C",
  "key" text COLLATE "C",
  "reason" text COLLATE "C",
  "actor" text COLLATE "C",
  "data" text COLLATE "C"
);

CREATE INDEX "event_key" ON "event" ("key", "sync", "seq") WHERE "key" IS NOT NULL;
CREATE INDEX "event_sync" ON "event" ("sync", "seq") WHERE "sync" IS NOT NULL;
CREATE INDEX "event_type" ON "event" ("type", "seq");
-- The noun of a type: delivery.applied → delivery.
CREATE INDEX "event_noun" ON "event" (split_part("type", '.', 1), "seq");

-- holder null: given up. The token grows with each new holder and is never used twice.
CREATE TABLE "lease" (
  "sync" text COLLATE "C" PRIMARY KEY,
  "holder" text COLLATE "C",
  "token" bigint NOT NULL,
  "until" bigint NOT NULL
);

-- Written while the disk is full, to find out when it no longer is.
CREATE TABLE "probe" (
  "id" bigint PRIMARY KEY,
  "filler" bytea
);

CREATE TABLE "sync" (
  "sync" text COLLATE "C" NOT NULL,
  "registry" text COLLATE "C",
  "state" text COLLATE "C",
  "lastPassAt" bigint,
  "lastPassOk" boolean,
  "nextPassAt" bigint,
  "seq" bigint NOT NULL,
  PRIMARY KEY ("sync")
);

CREATE TABLE "scope" (
  "sync" text COLLATE "C" NOT NULL,
  "scope" text COLLATE "C" NOT NULL,
  "state" text COLLATE "C",
  "why" text COLLATE "C",
  "detail" text COLLATE "C",
  "rank" bigint,
  "mark" text COLLATE "C",
  "troubles" text,
  "lookedAt" bigint,
  "completeAt" bigint,
  "missedAt" bigint,
  "seq" bigint NOT NULL,
  PRIMARY KEY ("sync", "scope")
);

CREATE TABLE "entry" (
  "sync" text COLLATE "C" NOT NULL,
  "scope" text COLLATE "C" NOT NULL,
  "key" text COLLATE "C" NOT NULL,
  "state" text COLLATE "C",
  "digest" text COLLATE "C",
  "label" text COLLATE "C",
  "item" text,
  "stamp" text COLLATE "C",
  "note" text,
  "origin" text COLLATE "C",
  "ordinal" text,
  "missedAt" bigint,
  "misses" bigint,
  "seq" bigint NOT NULL,
  PRIMARY KEY ("sync", "scope", "key")
);

CREATE TABLE "target" (
  "sync" text COLLATE "C" NOT NULL,
  "target" text COLLATE "C" NOT NULL,
  "state" text COLLATE "C",
  "why" text COLLATE "C",
  "detail" text COLLATE "C",
  "identity" text COLLATE "C",
  "fingerprint" text COLLATE "C",
  "epoch" bigint,
  "cursor" bigint,
  "owed" text,
  "mark" text COLLATE "C",
  "lookedAt" bigint,
  "budgetLeft" double precision,
  "budgetAt" bigint,
  "attempts" bigint,
  "due" bigint,
  "seq" bigint NOT NULL,
  PRIMARY KEY ("sync", "target")
);

CREATE TABLE "delivery" (
  "sync" text COLLATE "C" NOT NULL,
  "target" text COLLATE "C" NOT NULL,
  "key" text COLLATE "C" NOT NULL,
  "state" text COLLATE "C",
  "op" text COLLATE "C",
  "digest" text COLLATE "C",
  "digestLabel" text COLLATE "C",
  "want" text COLLATE "C",
  "label" text COLLATE "C",
  "reason" text COLLATE "C",
  "detail" text COLLATE "C",
  "until" text COLLATE "C",
  "attempts" bigint,
  "due" bigint,
  "handle" text,
  "effectId" text COLLATE "C",
  "receipt" text,
  "doubt" text COLLATE "C",
  "contest" text COLLATE "C",
  "epoch" bigint,
  "seq" bigint NOT NULL,
  PRIMARY KEY ("sync", "target", "key")
);

CREATE TABLE "hold" (
  "id" text COLLATE "C" NOT NULL,
  "sync" text COLLATE "C",
  "target" text COLLATE "C",
  "key" text COLLATE "C",
  "gate" text COLLATE "C",
  "reason" text COLLATE "C",
  "subject" text COLLATE "C",
  "op" text COLLATE "C",
  "label" text COLLATE "C",
  "state" text COLLATE "C",
  "until" bigint,
  "by" text COLLATE "C",
  "seq" bigint NOT NULL,
  PRIMARY KEY ("id")
);

CREATE TABLE "kv" (
  "key" text COLLATE "C" NOT NULL,
  "value" bytea,
  "seq" bigint NOT NULL,
  PRIMARY KEY ("key")
);

CREATE TABLE "store" (
  "name" text COLLATE "C" NOT NULL,
  "value" text COLLATE "C",
  "seq" bigint NOT NULL,
  PRIMARY KEY ("name")
);

CREATE TABLE "token" (
  "id" text COLLATE "C" NOT NULL,
  "name" text COLLATE "C",
  "hash" text COLLATE "C",
  "role" text COLLATE "C",
  "scopes" text COLLATE "C",
  "subject" text COLLATE "C",
  "createdAt" bigint,
  "createdBy" text COLLATE "C",
  "expiresAt" bigint,
  "revokedAt" bigint,
  "lastUsedAt" bigint,
  "seq" bigint NOT NULL,
  PRIMARY KEY ("id")
);

CREATE TABLE "capability_submission" (
  "sync" text COLLATE "C" NOT NULL,
  "id" text COLLATE "C" NOT NULL,
  "state" text COLLATE "C",
  "manifest" text COLLATE "C",
  "by" text COLLATE "C",
  "at" bigint,
  "seq" bigint NOT NULL,
  PRIMARY KEY ("sync", "id")
);

CREATE TABLE "notice" (
  "sync" text COLLATE "C" NOT NULL,
  "hook" text COLLATE "C" NOT NULL,
  "address" text COLLATE "C",
  "state" text COLLATE "C",
  "cursor" bigint,
  "id" text COLLATE "C",
  "body" text COLLATE "C",
  "upto" bigint,
  "since" bigint,
  "ok" boolean,
  "attempts" bigint,
  "due" bigint,
  "seq" bigint NOT NULL,
  PRIMARY KEY ("sync", "hook")
);

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

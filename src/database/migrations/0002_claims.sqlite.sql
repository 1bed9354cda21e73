-- Statuses of claims as informers send them (src/registries/claims/tables.ts). Without an index by position: the one
-- process that writes here has them in memory, and an entry of it would be a page more for each post.
CREATE TABLE "claim_status" (
  "sync" TEXT NOT NULL,
  "key" TEXT NOT NULL,
  "state" TEXT,
  "claimRef" TEXT,
  "message" TEXT,
  "health" TEXT,
  "observedAt" INTEGER,
  "generation" INTEGER,
  "by" TEXT,
  "at" INTEGER,
  "seq" INTEGER NOT NULL,
  PRIMARY KEY ("sync", "key")
) STRICT, WITHOUT ROWID;

CREATE TABLE "claim_cluster" (
  "sync" TEXT NOT NULL,
  "cluster" TEXT NOT NULL,
  "heardAt" INTEGER,
  "seq" INTEGER NOT NULL,
  PRIMARY KEY ("sync", "cluster")
) STRICT, WITHOUT ROWID;

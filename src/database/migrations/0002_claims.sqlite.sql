-- Statuses of claims as informers send them (src/registries/claims/tables.ts).
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

CREATE INDEX "claim_status_seq" ON "claim_status" ("sync", "seq");

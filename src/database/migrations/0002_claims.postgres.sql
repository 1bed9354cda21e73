-- Statuses of claims as informers send them (src/registries/claims/tables.ts).
CREATE TABLE "claim_status" (
  "sync" text COLLATE "C" NOT NULL,
  "key" text COLLATE "C" NOT NULL,
  "state" text COLLATE "C",
  "claimRef" text COLLATE "C",
  "message" text COLLATE "C",
  "health" text COLLATE "C",
  "observedAt" bigint,
  "generation" bigint,
  "by" text COLLATE "C",
  "at" bigint,
  "seq" bigint NOT NULL,
  PRIMARY KEY ("sync", "key")
);

CREATE TABLE "claim_cluster" (
  "sync" text COLLATE "C" NOT NULL,
  "cluster" text COLLATE "C" NOT NULL,
  "heardAt" bigint,
  "seq" bigint NOT NULL,
  PRIMARY KEY ("sync", "cluster")
);

CREATE INDEX "claim_status_seq" ON "claim_status" ("sync", "seq");

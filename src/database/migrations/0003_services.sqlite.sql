-- Services, what is known of their liveness, and what is done about it (src/registries/services/tables.ts). With rowids: a
-- change writes over the row where it stands, and rows are read in the order in which they were registered.

CREATE TABLE "service" (
  "type" TEXT NOT NULL,
  "id" TEXT NOT NULL,
  "status" TEXT,
  "statusAt" INTEGER,
  "reason" TEXT,
  "before" TEXT,
  "source" TEXT,
  "component" TEXT,
  "parent" TEXT,
  "kind" TEXT,
  "metadata" TEXT,
  "spiffe" TEXT,
  "interval" INTEGER,
  "inactiveAfter" INTEGER,
  "createdBy" TEXT,
  "registeredAt" INTEGER,
  "firstSeen" INTEGER,
  "revokedAt" INTEGER,
  "seq" INTEGER NOT NULL,
  PRIMARY KEY ("type", "id")
) STRICT;

CREATE TABLE "service_liveness" (
  "writer" TEXT NOT NULL,
  "n" INTEGER NOT NULL,
  "at" INTEGER,
  "body" BLOB,
  "seq" INTEGER NOT NULL,
  PRIMARY KEY ("writer", "n")
) STRICT;

CREATE TABLE "service_quarantine" (
  "type" TEXT NOT NULL,
  "id" TEXT NOT NULL,
  "parent" TEXT,
  "kind" TEXT,
  "source" TEXT,
  "by" TEXT,
  "firstAt" INTEGER,
  "lastAt" INTEGER,
  "count" INTEGER,
  "seq" INTEGER NOT NULL,
  PRIMARY KEY ("type", "id")
) STRICT, WITHOUT ROWID;

CREATE TABLE "service_sender" (
  "type" TEXT NOT NULL,
  "id" TEXT NOT NULL,
  "what" TEXT NOT NULL,
  "at" INTEGER,
  "seq" INTEGER NOT NULL,
  PRIMARY KEY ("type", "id", "what")
) STRICT, WITHOUT ROWID;

CREATE TABLE "service_preservation" (
  "group" TEXT NOT NULL,
  "since" INTEGER,
  "until" INTEGER,
  "silent" INTEGER,
  "active" INTEGER,
  "seq" INTEGER NOT NULL,
  PRIMARY KEY ("group")
) STRICT, WITHOUT ROWID;

CREATE TABLE "service_job" (
  "job" TEXT NOT NULL,
  "startedAt" INTEGER,
  "endedAt" INTEGER,
  "result" TEXT,
  "succeededAt" INTEGER,
  "error" TEXT,
  "nextAt" INTEGER,
  "by" TEXT,
  "seq" INTEGER NOT NULL,
  PRIMARY KEY ("job")
) STRICT, WITHOUT ROWID;

CREATE TABLE "service_sample" (
  "span" TEXT NOT NULL,
  "at" INTEGER NOT NULL,
  "counts" TEXT,
  "seq" INTEGER NOT NULL,
  PRIMARY KEY ("span", "at")
) STRICT, WITHOUT ROWID;

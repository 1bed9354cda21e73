-- Stages of images, what is known of their repositories, and the webhooks that told of them (src/registries/images/tables.ts).

CREATE TABLE "image_stage" (
  "project" TEXT NOT NULL,
  "stage" TEXT NOT NULL,
  "definition" TEXT,
  "createdBy" TEXT,
  "pin" TEXT,
  "paused" TEXT,
  "approvals" TEXT,
  "asked" TEXT,
  "generation" INTEGER,
  "baseline" TEXT,
  "config" TEXT,
  "result" TEXT,
  "detail" TEXT,
  "resultAt" INTEGER,
  "lastPolledTag" TEXT,
  "lastPolledAt" INTEGER,
  "seq" INTEGER NOT NULL,
  PRIMARY KEY ("project", "stage")
) STRICT, WITHOUT ROWID;

CREATE TABLE "image_repository" (
  "registry" TEXT NOT NULL,
  "image" TEXT NOT NULL,
  "lookedAt" INTEGER,
  "hookedAt" INTEGER,
  "missedAt" INTEGER,
  "list" TEXT,
  "seq" INTEGER NOT NULL,
  PRIMARY KEY ("registry", "image")
) STRICT, WITHOUT ROWID;

CREATE TABLE "image_hook_event" (
  "hook" TEXT NOT NULL,
  "id" TEXT NOT NULL,
  "at" INTEGER,
  "registry" TEXT,
  "image" TEXT,
  "tag" TEXT,
  "matched" INTEGER,
  "seq" INTEGER NOT NULL,
  PRIMARY KEY ("hook", "id")
) STRICT, WITHOUT ROWID;

CREATE TABLE "image_settings" (
  "name" TEXT NOT NULL,
  "pollInterval" INTEGER,
  "by" TEXT,
  "seq" INTEGER NOT NULL,
  PRIMARY KEY ("name")
) STRICT, WITHOUT ROWID;

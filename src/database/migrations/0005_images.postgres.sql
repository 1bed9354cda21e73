-- Stages of images, what is known of their repositories, and the webhooks that told of them (src/registries/images/tables.ts).

CREATE TABLE "image_stage" (
  "project" text COLLATE "C" NOT NULL,
  "stage" text COLLATE "C" NOT NULL,
  "definition" text COLLATE "C",
  "createdBy" text COLLATE "C",
  "pin" text COLLATE "C",
  "paused" text COLLATE "C",
  "approvals" text COLLATE "C",
  "asked" text COLLATE "C",
  "generation" bigint,
  "baseline" text COLLATE "C",
  "config" text COLLATE "C",
  "result" text COLLATE "C",
  "detail" text COLLATE "C",
  "resultAt" bigint,
  "lastPolledTag" text COLLATE "C",
  "lastPolledAt" bigint,
  "seq" bigint NOT NULL,
  PRIMARY KEY ("project", "stage")
);

CREATE TABLE "image_repository" (
  "registry" text COLLATE "C" NOT NULL,
  "image" text COLLATE "C" NOT NULL,
  "lookedAt" bigint,
  "hookedAt" bigint,
  "missedAt" bigint,
  "list" text COLLATE "C",
  "seq" bigint NOT NULL,
  PRIMARY KEY ("registry", "image")
);

CREATE TABLE "image_hook_event" (
  "hook" text COLLATE "C" NOT NULL,
  "id" text COLLATE "C" NOT NULL,
  "at" bigint,
  "registry" text COLLATE "C",
  "image" text COLLATE "C",
  "tag" text COLLATE "C",
  "matched" bigint,
  "seq" bigint NOT NULL,
  PRIMARY KEY ("hook", "id")
);

CREATE TABLE "image_settings" (
  "name" text COLLATE "C" NOT NULL,
  "pollInterval" bigint,
  "by" text COLLATE "C",
  "seq" bigint NOT NULL,
  PRIMARY KEY ("name")
);

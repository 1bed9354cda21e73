-- Services, what is known of their liveness, and what is done about it (src/registries/services/tables.ts).

CREATE TABLE "service" (
  "type" text COLLATE "C" NOT NULL,
  "id" text COLLATE "C" NOT NULL,
  "status" text COLLATE "C",
  "statusAt" bigint,
  "reason" text COLLATE "C",
  "before" text COLLATE "C",
  "source" text COLLATE "C",
  "component" text COLLATE "C",
  "parent" text COLLATE "C",
  "kind" text COLLATE "C",
  "metadata" text COLLATE "C",
  "spiffe" text COLLATE "C",
  "interval" bigint,
  "inactiveAfter" bigint,
  "createdBy" text COLLATE "C",
  "registeredAt" bigint,
  "firstSeen" bigint,
  "revokedAt" bigint,
  "seq" bigint NOT NULL,
  PRIMARY KEY ("type", "id")
);

CREATE TABLE "service_liveness" (
  "writer" text COLLATE "C" NOT NULL,
  "n" bigint NOT NULL,
  "at" bigint,
  "body" bytea,
  "seq" bigint NOT NULL,
  PRIMARY KEY ("writer", "n")
);

CREATE TABLE "service_quarantine" (
  "type" text COLLATE "C" NOT NULL,
  "id" text COLLATE "C" NOT NULL,
  "parent" text COLLATE "C",
  "kind" text COLLATE "C",
  "source" text COLLATE "C",
  "by" text COLLATE "C",
  "firstAt" bigint,
  "lastAt" bigint,
  "count" bigint,
  "seq" bigint NOT NULL,
  PRIMARY KEY ("type", "id")
);

CREATE TABLE "service_sender" (
  "type" text COLLATE "C" NOT NULL,
  "id" text COLLATE "C" NOT NULL,
  "what" text COLLATE "C" NOT NULL,
  "at" bigint,
  "seq" bigint NOT NULL,
  PRIMARY KEY ("type", "id", "what")
);

CREATE TABLE "service_preservation" (
  "group" text COLLATE "C" NOT NULL,
  "since" bigint,
  "until" bigint,
  "silent" bigint,
  "active" bigint,
  "seq" bigint NOT NULL,
  PRIMARY KEY ("group")
);

CREATE TABLE "service_job" (
  "job" text COLLATE "C" NOT NULL,
  "startedAt" bigint,
  "endedAt" bigint,
  "result" text COLLATE "C",
  "succeededAt" bigint,
  "error" text COLLATE "C",
  "nextAt" bigint,
  "by" text COLLATE "C",
  "seq" bigint NOT NULL,
  PRIMARY KEY ("job")
);

CREATE TABLE "service_sample" (
  "span" text COLLATE "C" NOT NULL,
  "at" bigint NOT NULL,
  "counts" text COLLATE "C",
  "seq" bigint NOT NULL,
  PRIMARY KEY ("span", "at")
);

CREATE INDEX "service_seq" ON "service" ("seq");

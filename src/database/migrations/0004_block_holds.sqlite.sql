-- Which blocks hold events of a sync ('s' and its name), of a type ('t'), of a noun ('n'), in place of three indexes on
-- events: see src/database/sqlite/holds.ts.
CREATE TABLE "block_holds" (
  "what" TEXT NOT NULL,
  "last" INTEGER NOT NULL,
  "first" INTEGER NOT NULL,
  PRIMARY KEY ("what", "last")
) STRICT, WITHOUT ROWID;

-- One kind after the other: within each the entries are nearly in order.
INSERT OR IGNORE INTO "block_holds" SELECT 's' || e."sync", b."last", b."first"
  FROM "block" AS b CROSS JOIN "event" AS e ON e."seq" BETWEEN b."first" AND b."last" WHERE e."sync" IS NOT NULL;
INSERT OR IGNORE INTO "block_holds" SELECT 't' || e."type", b."last", b."first"
  FROM "block" AS b CROSS JOIN "event" AS e ON e."seq" BETWEEN b."first" AND b."last";
INSERT OR IGNORE INTO "block_holds" SELECT 'n' || substr(e."type", 1, instr(e."type", '.') - 1), b."last", b."first"
  FROM "block" AS b CROSS JOIN "event" AS e ON e."seq" BETWEEN b."first" AND b."last";

DROP INDEX "event_sync";
DROP INDEX "event_type";
DROP INDEX "event_noun";

-- See the end of 0001_ledger.sqlite.sql.
INSERT INTO "sqlite_stat1" ("tbl", "idx", "stat") VALUES ('block_holds', 'block_holds', '100000 2000 1');
ANALYZE "sqlite_schema";

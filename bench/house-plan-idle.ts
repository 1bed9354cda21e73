/**
 * What a pass costs when little or nothing changed: 100,000 entries × 50 targets on SQLite. Against the
 * full diff of the same file that a stateless loop would make each time.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { databaseFile } from '../src/database/holder.ts'
import { openSqliteJournal } from '../src/database/sqlite/journal.ts'
import { put, type Journal, type Seq } from '../src/engine/journal.ts'
import { createPlanner, type PlanFor, type Planner } from '../src/engine/plan.ts'
import { engineTables, entries, targets, type EntryRow, type TargetRow } from '../src/engine/tables.ts'
import { systemClock } from '../src/kernel/clock.ts'
import { digestOf } from '../src/kernel/digest.ts'
import { silentLogger } from '../src/kernel/logger.ts'
import type { Benches, Report } from './report.ts'

const sync = 'bench'
const now = () => performance.now()

export const benches: Benches = {
  'house.plan-idle': async (report, { long }) => {
    const size = long ? { entries: 100_000, targets: 50 } : { entries: 10_000, targets: 10 }
    const folder = await mkdtemp(join(tmpdir(), 'regista-bench-'))
    try {
      await prepare(folder, size)
      await measure(folder, size, report)
    } finally {
      await rm(folder, { recursive: true })
    }
  },
}

interface Size {
  readonly entries: number
  readonly targets: number
}

const targetName = (at: number) => `target-${String(at).padStart(2, '0')}`
const open = (folder: string) =>
  openSqliteJournal({ path: databaseFile(folder), tables: engineTables, clock: systemClock, logger: silentLogger })

async function prepare(folder: string, size: Size): Promise<void> {
  const journal = await open(folder)
  for (let at = 0; at < size.entries; at += 1000) await putEntries(journal, at, Math.min(1000, size.entries - at), 'a')
  const { seq } = await journal.head()
  const rows = Array.from({ length: size.targets }, (_, at) => targetRow(targetName(at), seq))
  await journal.commit(rows.map((row) => put(targets, row, { type: 'target.appeared', sync })))
  await journal.close()
  applyEverything(databaseFile(folder))
}

async function putEntries(journal: Journal, from: number, count: number, version: string): Promise<void> {
  const rows = Array.from({ length: count }, (_, n) => entryRow(`key-${String(from + n).padStart(7, '0')}`, version))
  await journal.commit(rows.map((row) => put(entries, row, { type: 'entry.appeared', sync, key: row.key })))
}

function entryRow(key: string, version: string): EntryRow {
  const item = { name: key, version, description: 'About as much as a small manifest says of itself. '.repeat(4) }
  const empty = { stamp: null, note: null, origin: null, ordinal: null, missedAt: null, misses: 0 }
  return { sync, scope: 'all', key, state: 'live', digest: digestOf(item), label: version, item, ...empty }
}

function targetRow(target: string, cursor: Seq): TargetRow {
  const empty = { why: null, detail: null, owed: null, mark: null, lookedAt: null, budgetLeft: null, budgetAt: null }
  const rest = { attempts: 0, due: null, identity: 'i', fingerprint: 'f', epoch: 1 }
  return { sync, target, state: 'ok', cursor, ...rest, ...empty }
}

/** Every entry delivered to every target: written by SQL, because 5,000,000 facts would take minutes. */
function applyEverything(path: string): void {
  const db = new DatabaseSync(path)
  db.exec('PRAGMA synchronous = OFF')
  db.exec(`INSERT INTO "delivery" ("sync", "target", "key", "state", "op", "digest", "label", "attempts", "epoch", "seq")
    SELECT e."sync", t."target", e."key", 'applied', 'put', e."digest", e."label", 0, 1, e."seq"
    FROM "target" t CROSS JOIN "entry" e ORDER BY t."target", e."key"`)
  db.close()
}

async function measure(folder: string, size: Size, report: Report): Promise<void> {
  const before = now()
  const journal = await open(folder)
  const { seq: cursor } = await journal.head()
  const reopened = now() - before
  const note = `${size.entries} entries × ${size.targets} targets`
  const standings = Array.from({ length: size.targets }, (_, at) => ({ target: targetName(at), cursor }))

  const idle = await repeated(20, () => planAll(journal, standings))
  const full = compareEverything(databaseFile(folder))
  report({
    value: idle.median,
    unit: 'ms',
    baseline: full,
    limit: { atMost: 5 },
    note: `${note}, nothing changed; baseline: a full diff in one SQL statement`,
  })
  await putEntries(journal, 500, 100, 'b')
  const changed = await repeated(20, () => planAll(journal, standings))
  report({
    figure: 'changed-100',
    value: changed.median,
    unit: 'ms',
    baseline: full,
    limit: { atMost: 50 },
    note: `${note}, ${changed.planned} changes`,
  })
  report({
    figure: 'reopen',
    value: reopened,
    unit: 'ms',
    limit: { atMost: 1000 },
    note: `${note}, first answer included`,
  })
  await journal.close()
}

interface Standing {
  readonly target: string
  readonly cursor: Seq
}

/** What every pass does: a planner of its own, a glance, and the changes of the targets that have any. */
async function planAll(journal: Journal, standings: readonly Standing[]): Promise<number> {
  const planner = createPlanner(journal, sync, () => 0)
  const busy = await planner.glance(standings, Date.now())
  let planned = 0
  for (const { target, cursor } of standings) {
    if (busy.has(target)) planned += await consumed(planner.changes(planFor(target), cursor))
  }
  return planned
}

/** The strongest full diff that is to be had here: one join, nothing leaves the database. */
function compareEverything(path: string): number {
  const db = new DatabaseSync(path, { readOnly: true })
  const from = now()
  db.prepare(
    `SELECT count(*) FROM "target" t CROSS JOIN "entry" e
    LEFT JOIN "delivery" d ON d."sync" = e."sync" AND d."target" = t."target" AND d."key" = e."key"
    WHERE d."digest" IS NOT e."digest"`,
  ).get()
  const took = now() - from
  db.close()
  return took
}

async function consumed(pages: ReturnType<Planner['changes']>): Promise<number> {
  let planned = 0
  for await (const page of pages) planned += page.planned.filter(({ decision }) => decision.do !== 'nothing').length
  return planned
}

function planFor(target: string): PlanFor {
  const view = { now: Date.now(), epoch: 1, renewed: false, regate: false, repeat: 'safe' } as const
  return { target, view: { ...view, firstSight: 'overwrite', drift: 'repair' } }
}

async function timed(work: () => Promise<number>): Promise<{ ms: number; planned: number }> {
  const from = now()
  const planned = await work()
  return { ms: now() - from, planned }
}

async function repeated(times: number, work: () => Promise<number>): Promise<{ median: number; planned: number }> {
  const runs: { ms: number; planned: number }[] = []
  for (let at = 0; at < times; at += 1) runs.push(await timed(work))
  const sorted = runs.map(({ ms }) => ms).toSorted((a, b) => a - b)
  return { median: sorted[Math.floor(times / 2)]!, planned: runs[0]!.planned }
}

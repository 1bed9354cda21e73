/** Removals of entries: vouched ones at once, unseen ones after absence.ts has judged them. */
import type { Instant } from '../kernel/clock.ts'
import { judgeMiss } from './absence.ts'
import { commit, tell, type Context } from './context.ts'
import { put, quietPatch, type Fact, type Quiet, type Stored } from './journal.ts'
import { rowsOf } from './look-items.ts'
import type { Reason } from './reason.ts'
import type { Scope } from './scope.ts'
import type { Key } from './source.ts'
import { entries, type EntryRow } from './tables.ts'

export interface Judged {
  readonly gone: number
  /** When the earliest absence that is not yet believed may be confirmed. */
  readonly again: Instant | null
}

const page = 500

/** The source vouched for these. */
export async function recordGone(context: Context, scope: Scope, keys: readonly Key[]): Promise<number> {
  let gone = 0
  for (let at = 0; at < keys.length; at += page) {
    const where = { sync: context.spec.name, scope, key: { in: keys.slice(at, at + page) } }
    const rows = await context.journal.select(entries, { where, without: ['item'] })
    const facts = rows.filter((row) => row.state !== 'gone').map((row) => goneFact(context, row, 'gone'))
    gone += facts.length
    await commit(context, facts)
  }
  return gone
}

/**
 * Judges every entry of a scope that was seen whole, except those `spared` (seen, or shielded by a
 * trouble). `seen`, when given, is how many live entries the look saw: if that is all, nothing is read.
 */
export async function judgeAbsences(
  context: Context,
  scope: Scope,
  vouched: boolean,
  spared: (row: EntryRow) => boolean,
  reason: Reason,
  seen?: number,
): Promise<Judged> {
  if (seen !== undefined) {
    const live = await context.journal.count(entries, { sync: context.spec.name, scope, state: 'live' })
    if ((live[0]?.count ?? 0) === seen) return { gone: 0, again: null }
  }
  const absence = vouched ? 'vouched' : context.spec.source.absence
  const now = context.clock.now()
  let gone = 0
  let again: Instant | null = null
  let facts: Fact[] = []
  let quiet: Quiet[] = []
  for await (const row of rowsOf(context, scope)) {
    if (row.state === 'gone' || spared(row)) continue
    const verdict = judgeMiss(row, absence, now)
    if (verdict.is === 'gone') {
      facts.push(goneFact(context, row, reason))
      gone += 1
    } else {
      const { sync, key } = row
      quiet.push(quietPatch(entries, { sync, scope, key, missedAt: verdict.missedAt, misses: verdict.misses }))
      again = Math.min(again ?? verdict.confirmAt, verdict.confirmAt)
    }
    if (facts.length + quiet.length < page) continue
    await commit(context, facts, quiet)
    facts = []
    quiet = []
  }
  await commit(context, facts, quiet)
  return { gone, again }
}

/** A tombstone keeps what identifies the entry and lets go of the item. */
export function goneFact(context: Context, row: Stored<EntryRow>, reason: Reason): Fact {
  const { seq, ...columns } = row
  const tombstone: EntryRow = { ...columns, state: 'gone', item: null, missedAt: null, misses: 0 }
  const about = { scope: row.scope, key: row.key, reason, data: { label: row.label, digest: row.digest } }
  return put(entries, tombstone, tell(context, 'entry.gone', about), { seq })
}

/**
 * Stage 1: one look at one scope of a source. Items become entries page by page as they arrive; what
 * the look says about absences is settled by `settle`, once the whole pass has seen what it could:
 * only then is it known whether the scopes above were seen whole and no other scope took a key over.
 */
import type { Instant } from '../kernel/clock.ts'
import { createDeadline, type Deadline } from '../kernel/deadline.ts'
import { asAppError } from '../kernel/errors.ts'
import { createShield, type Sight } from './absence.ts'
import { judgeAbsences, recordGone, type Judged } from './judge.ts'
import { commit, limitsOf, type Context } from './context.ts'
import type { Stored } from './journal.ts'
import { readItems, rowsOf, type Progress } from './look-items.ts'
import { beginScope, settleScope, unavailableScope } from './scope-state.ts'
import type { Scope } from './scope.ts'
import type { Ask, Child, Entry, Key, Look, Same, Trouble } from './source.ts'
import { entries, type ScopeRow } from './tables.ts'

/** What a look saw. Counts are of entries. */
export interface Sighting {
  readonly scope: Scope
  readonly sight: Sight
  /** null: the look did not say; the known ones stand. */
  readonly children: readonly Child[] | null
  readonly appeared: number
  readonly changed: number
  readonly troubles: readonly Trouble[]
  /** The source asked not to be looked at before. */
  readonly again: Instant | null
  /**
   * Judges absences, then keeps the mark. `aboveWhole`: every known scope above was seen whole.
   * `keepMark`: everything that the mark will stand for is in the ledger.
   */
  settle(aboveWhole: boolean, keepMark: boolean): Promise<Judged>
}

export interface LookOptions {
  /** The scope's row as last read, or null at first sight. */
  readonly row: Stored<ScopeRow> | null
  readonly rank: number
  /** Keys hinted; the source may still answer with everything. */
  readonly keys?: readonly Key[]
  /** A person vouches for absences: one look is enough. */
  readonly vouched: boolean
}

const nobodyGone: Judged = { gone: 0, again: null }

export async function lookAt<I>(context: Context<I>, scope: Scope, options: LookOptions): Promise<Sighting> {
  const what = `look at ${scope || 'the source'}`
  const deadline = createDeadline(context.clock, limitsOf(context.spec).look, context.signal, what)
  try {
    const look = await deadline.within(context.spec.source.look(askFor(context, scope, options), deadline.signal))
    if (look.saw === 'unavailable') {
      await unavailableScope(context, scope, options, look.why, look.detail ?? null, options.row?.mark ?? null)
      return unseen(scope, look.again ?? null)
    }
    if (look.saw === 'unchanged') return unchanged(context, scope, options)
    return await record(context, scope, options, look, deadline)
  } catch (thrown) {
    const error = asAppError(thrown, 'source.unavailable')
    if (error.code.startsWith('journal.') || context.signal.aborted) throw error
    await unavailableScope(context, scope, options, 'source-unavailable', error.message, null)
    return unseen(scope, null)
  } finally {
    deadline.end()
  }
}

function askFor(context: Context, scope: Scope, options: LookOptions): Ask {
  const mark = options.row?.mark ?? null
  return {
    scope,
    ...(mark !== null && { mark }),
    ...(options.keys && { keys: options.keys }),
    async known() {
      const known = new Map<Key, { stamp: string | null; origin: string | null }>()
      for await (const row of rowsOf(context, scope)) if (row.state === 'live') known.set(row.key, row)
      return known
    },
  }
}

function unseen(scope: Scope, again: Instant | null): Sighting {
  const settle = () => Promise.resolve(nobodyGone)
  return { scope, sight: 'unseen', children: null, appeared: 0, changed: 0, troubles: [], again, settle }
}

/** Nothing changed since the mark: what was absent then is absent still, and that counts as a look. */
function unchanged(context: Context, scope: Scope, options: LookOptions): Sighting {
  const { row } = options
  return {
    ...unseen(scope, null),
    sight: 'unchanged',
    async settle(aboveWhole, keepMark) {
      const missed = { sync: context.spec.name, scope, missedAt: { above: 0 } }
      const any = await context.journal.select(entries, { where: missed, limit: 1, without: ['item'] })
      let judged = nobodyGone
      if (any.length > 0 && aboveWhole) {
        judged = await judgeAbsences(context, scope, options.vouched, (entry) => entry.missedAt === null, 'absent')
      }
      const mark = keepMark ? (row?.mark ?? null) : null
      if (row === null || row.state !== 'ok' || row.mark !== mark) {
        await settleScope(context, scope, options, [], mark, false)
      }
      return judged
    },
  }
}

async function record<I>(
  context: Context<I>,
  scope: Scope,
  options: LookOptions,
  look: Extract<Look<Entry<I> | Same>, { saw: 'complete' | 'delta' }>,
  deadline: Deadline,
): Promise<Sighting> {
  const about = { row: options.row ?? (await beginScope(context, scope, options.rank)), rank: options.rank }
  const done: Progress = { appeared: 0, changed: 0, seen: new Set(), broken: [], markCleared: !options.row?.mark }
  const writing: Promise<unknown>[] = []
  try {
    for await (const items of pages(look.items, deadline)) {
      deadline.signal.throwIfAborted()
      const { facts, quiet } = await readItems(context, scope, items, done)
      if (writing.length === pagesUnderWay) await writing.shift()
      const page = commit(context, facts, quiet)
      // Awaited below; until then nobody else must take its failure for an unhandled one.
      page.catch(() => {})
      writing.push(page)
    }
  } finally {
    await Promise.all(writing)
  }
  const troubles = [...(look.troubles ?? []), ...done.broken]
  const shielded = createShield(troubles)
  // What answers for the asked keys alone says nothing of the others, and its mark does not either.
  const partial = look.saw === 'delta' && options.keys !== undefined
  const told = (partial ? (done.markCleared ? null : options.row?.mark) : look.mark) ?? null
  return {
    scope,
    sight: partial ? 'partial' : look.saw,
    children: look.saw === 'complete' ? (look.children ?? []) : null,
    appeared: done.appeared,
    changed: done.changed,
    troubles,
    again: null,
    async settle(aboveWhole, keepMark) {
      let judged = nobodyGone
      let mark = troubles.length === 0 && keepMark ? told : null
      if (look.saw === 'delta') {
        judged = { gone: await recordGone(context, scope, look.gone), again: null }
        if (partial && judged.gone > 0) mark = null
      } else if (aboveWhole) {
        const spared = (entry: { key: Key; origin: string | null }) => done.seen.has(entry.key) || shielded(entry)
        judged = await judgeAbsences(context, scope, options.vouched, spared, 'absent', done.seen.size)
      } else if (await someUnseen(context, scope, done.seen.size)) {
        // Kept, the mark would say "unchanged" next time and nobody would notice what is missing.
        mark = null
      }
      await settleScope(context, scope, about, troubles, mark, done.markCleared)
      return judged
    },
  }
}

async function someUnseen(context: Context, scope: Scope, seen: number): Promise<boolean> {
  const live = await context.journal.count(entries, { sync: context.spec.name, scope, state: 'live' })
  return (live[0]?.count ?? 0) !== seen
}

/** While pages are being written, the next are read; those that wait for the disk share its fsync. */
const pagesUnderWay = 4

/** Items per commit: large enough to amortise an fsync, small enough to keep other writers waiting < 10 ms. */
const page = 500

/** Groups a stream into pages; each wait for the next item is bounded. */
async function* pages<T>(items: AsyncIterable<T> | Iterable<T>, deadline: Deadline): AsyncGenerator<T[]> {
  let gathered: T[] = []
  for await (const item of deadline.each(items)) {
    gathered.push(item)
    if (gathered.length < page) continue
    yield gathered
    gathered = []
  }
  if (gathered.length > 0) yield gathered
}

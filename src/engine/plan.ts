/**
 * Stage 2: which keys need a decision, and the decision for each. Incremental plans read only entries
 * past the target's cursor and deliveries that are due; a full plan compares everything, page by page.
 */
import type { Instant } from '../kernel/clock.ts'
import type { Digest } from '../kernel/digest.ts'
import { decide, type Decision, type Desired, type TargetView } from './decide.ts'
import type { Journal, Seq, Stored } from './journal.ts'
import type { Scope } from './scope.ts'
import type { Entry, Key } from './source.ts'
import { deliveries, entries, type DeliveryRow, type EntryRow } from './tables.ts'
import type { Held } from './target.ts'

export interface Planned {
  readonly key: Key
  readonly decision: Decision
  readonly delivery: Stored<DeliveryRow> | null
  /** The row that is desired, without its item; null where nothing is. */
  readonly entry: Stored<EntryRow> | null
  /** What the target would hold for it. */
  readonly digest: Digest | null
  readonly held: Held | null | undefined
}

export interface PlanFor {
  readonly target: string
  readonly view: TargetView
  /** Digest of what the target would hold, where that is not the entry's own. Reads items. */
  readonly render?: ((entry: Entry<unknown>) => Digest) | undefined
}

export interface PlanPage {
  readonly planned: readonly Planned[]
  /** Every entry up to here is in this page or an earlier one; null: not known before the last page. */
  readonly upto: Seq | null
}

export interface Planner {
  /** Which targets have anything to do: two queries, however many targets there are. */
  glance(targets: readonly Standing[], now: Instant): Promise<ReadonlySet<string>>
  /** Entries after `cursor` and deliveries due, in pages; nothing at all when there is nothing to do. */
  changes(plan: PlanFor, cursor: Seq): AsyncIterable<PlanPage>
  /** Everything: entries, deliveries, and what a look found (`held` undefined: there was none). */
  everything(plan: PlanFor, held: ReadonlyMap<Key, Held> | undefined): AsyncIterable<PlanPage>
  /** Some keys, with what a look found of them (null: not there; undefined: not looked at). */
  some(plan: PlanFor, found: ReadonlyMap<Key, Held | null | undefined>): AsyncIterable<PlanPage>
}

/** How far a target has come. */
export interface Standing {
  readonly target: string
  readonly cursor: Seq
}

/** Rows per page of a plan. */
const page = 1000

interface Wish {
  readonly desired: Desired
  readonly row: Stored<EntryRow> | null
}

export function createPlanner(journal: Journal, sync: string, rankOf: (scope: Scope) => number): Planner {
  // Targets of one sync mostly stand at the same cursor: what changed is read once for all of them.
  let shared: { readonly head: Seq; readonly after: Map<Seq, Promise<Changed>> } = { head: -1, after: new Map() }

  interface Changed {
    readonly wishes: ReadonlyMap<Key, Wish>
    readonly upto: Seq
    readonly more: boolean
  }

  async function changedAfter(cursor: Seq, head: Seq): Promise<Changed> {
    if (shared.head !== head) shared = { head, after: new Map() }
    let changed = shared.after.get(cursor)
    if (!changed) {
      changed = readChanged(cursor, head)
      shared.after.set(cursor, changed)
      changed.catch(() => shared.after.delete(cursor))
    }
    return changed
  }

  async function anyAfter(cursor: Seq): Promise<boolean> {
    const where = { sync, seq: { above: cursor } }
    return (await journal.select(entries, { where, order: ['seq'], limit: 1, without: ['item'] })).length > 0
  }

  async function readChanged(cursor: Seq, head: Seq): Promise<Changed> {
    const rows = await journal.select(entries, {
      where: { sync, seq: { above: cursor } },
      order: ['seq'],
      limit: page,
      without: ['item'],
    })
    const keys = [...new Set(rows.map((row) => row.key))]
    const more = rows.length === page
    return { wishes: await wishesFor(keys, false), upto: more ? rows.at(-1)!.seq : head, more }
  }

  async function wishesFor(keys: readonly Key[], items: boolean): Promise<Map<Key, Wish>> {
    const rows = keys.length === 0 ? [] : await journal.select(entries, byKeys(keys, items))
    const byKey = Map.groupBy(rows, (row) => row.key)
    return new Map(keys.map((key) => [key, wishOf(byKey.get(key) ?? [], rankOf)]))
  }

  function byKeys(keys: readonly Key[], items: boolean) {
    const query = { where: { sync, key: { in: keys } }, order: ['key', 'scope'] } as const
    return items ? query : ({ ...query, without: ['item'] } as const)
  }

  async function decideFor(
    plan: PlanFor,
    wishes: ReadonlyMap<Key, Wish>,
    heldOf: (key: Key) => Held | null | undefined,
  ) {
    const keys = [...wishes.keys()]
    const rows =
      keys.length === 0
        ? []
        : await journal.select(deliveries, { where: { sync, target: plan.target, key: { in: keys } } })
    const delivered = new Map(rows.map((row) => [row.key, row]))
    return keys.map((key) => planKey(plan, key, wishes.get(key)!, delivered.get(key) ?? null, heldOf(key)))
  }

  /** Wishes as this target renders them; items are read only for that. */
  async function rendered(plan: PlanFor, wishes: ReadonlyMap<Key, Wish>): Promise<ReadonlyMap<Key, Wish>> {
    if (!plan.render) return wishes
    return wishesFor([...wishes.keys()], true)
  }

  return {
    async glance(standings, now) {
      const busy = new Set<string>()
      if (standings.length === 0) return busy
      const due = await journal.count(deliveries, { sync, due: { atMost: now } }, ['target'])
      for (const { by } of due) busy.add(String(by[0]))
      // Targets of one sync mostly stand at the same place.
      for (const [cursor, at] of Map.groupBy(standings, (standing) => standing.cursor)) {
        if (cursor !== 0 && !(await anyAfter(cursor))) continue
        for (const { target } of at) busy.add(target)
      }
      return busy
    },

    async *changes(plan, cursor) {
      const { seq: head } = await journal.head()
      const due = await journal.select(deliveries, {
        where: { sync, target: plan.target, due: { atMost: plan.view.now } },
        order: ['key'],
      })
      for (let at = 0; at < due.length; at += page) {
        const wishes = await wishesFor(
          due.slice(at, at + page).map((row) => row.key),
          plan.render !== undefined,
        )
        yield { planned: await decideFor(plan, wishes, () => undefined), upto: null }
      }
      for (let at = cursor, more = at < head; more;) {
        const changed = await changedAfter(at, head)
        const wishes = await rendered(plan, changed.wishes)
        yield { planned: await decideFor(plan, wishes, () => undefined), upto: changed.upto }
        at = changed.upto
        more = changed.more
      }
    },

    async *everything(plan, held) {
      const { seq: head } = await journal.head()
      const heldOf = (key: Key) => (held === undefined ? undefined : (held.get(key) ?? null))
      const seen = new Set<Key>()
      for await (const keys of keysOf(journal, entries, sync)) {
        for (const key of keys) seen.add(key)
        yield { planned: await decideFor(plan, await wishesFor(keys, plan.render !== undefined), heldOf), upto: null }
      }
      for await (const keys of keysOf(journal, deliveries, sync, plan.target)) {
        const left = keys.filter((key) => !seen.has(key))
        for (const key of left) seen.add(key)
        yield { planned: await decideFor(plan, await wishesFor(left, false), heldOf), upto: null }
      }
      const others = [...(held?.keys() ?? [])].filter((key) => !seen.has(key))
      const unknown: Wish = { desired: { is: 'none', known: false }, row: null }
      const planned = others.map((key) => planKey(plan, key, unknown, null, held!.get(key)))
      yield { planned, upto: head }
    },

    async *some(plan, found) {
      const keys = [...found.keys()]
      for (let at = 0; at < keys.length; at += page) {
        const wishes = await wishesFor(keys.slice(at, at + page), plan.render !== undefined)
        yield { planned: await decideFor(plan, wishes, (key) => found.get(key)), upto: null }
      }
    },
  }
}

function planKey(
  plan: PlanFor,
  key: Key,
  wish: Wish,
  delivery: Stored<DeliveryRow> | null,
  held: Held | null | undefined,
): Planned {
  const { row } = wish
  const digest = row === null ? null : (plan.render?.(entryOf(row)) ?? row.digest)
  const desired: Desired = row === null ? wish.desired : { is: 'put', digest: digest!, label: row.label }
  return { key, decision: decide({ desired, delivery, held }, plan.view), delivery, entry: row, digest, held }
}

/** What all rows of one key, over all scopes, say together: the live one of the lowest rank, then scope name. */
export function wishOf(rows: readonly Stored<EntryRow>[], rankOf: (scope: Scope) => number): Wish {
  let best: Stored<EntryRow> | null = null
  for (const row of rows) {
    if (row.state !== 'live') continue
    if (best === null || before(row.scope, best.scope, rankOf)) best = row
  }
  if (best) return { desired: { is: 'put', digest: best.digest, label: best.label }, row: best }
  if (rows.some((row) => row.state === 'stray')) return { desired: { is: 'keep' }, row: null }
  return { desired: { is: 'none', known: rows.length > 0 }, row: null }
}

function before(a: Scope, b: Scope, rankOf: (scope: Scope) => number): boolean {
  const ranks = rankOf(a) - rankOf(b)
  return ranks !== 0 ? ranks < 0 : a < b
}

/** Distinct keys of a table in order, page by page. */
async function* keysOf(
  journal: Journal,
  table: typeof entries | typeof deliveries,
  sync: string,
  target?: string,
): AsyncGenerator<Key[]> {
  let last: Key | null = null
  for (;;) {
    const rows: Stored<EntryRow | DeliveryRow>[] =
      table === entries
        ? await journal.select(entries, {
            where: { sync, ...(last !== null && { key: { above: last } }) },
            order: ['key', 'scope'],
            limit: page,
            without: ['item', 'note'],
          })
        : await journal.select(deliveries, {
            where: { sync, target: target!, ...(last !== null && { key: { above: last } }) },
            order: ['key'],
            limit: page,
          })
    if (rows.length === 0) return
    yield [...new Set(rows.map((row) => row.key))]
    last = rows.at(-1)!.key
    if (rows.length < page) return
  }
}

export function entryOf<I>(row: EntryRow): Entry<I> {
  return {
    key: row.key,
    digest: row.digest,
    label: row.label,
    item: row.item as I,
    ...(row.stamp !== null && { stamp: row.stamp }),
    ...(row.note !== null && { note: row.note }),
    ...(row.origin !== null && { origin: row.origin }),
    ...(row.ordinal !== null && { ordinal: row.ordinal as readonly (number | string)[] }),
  }
}

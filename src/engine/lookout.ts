/**
 * The looking half of a pass: every scope of the source, those above before those below, several at a
 * time; then absences are settled with the whole picture at hand.
 */
import type { Instant } from '../kernel/clock.ts'
import { createShield, seenWhole } from './absence.ts'
import { commit, limitsOf, tell, type Context } from './context.ts'
import { judgeAbsences, type Judged } from './judge.ts'
import { drop, quietPatch, type Stored } from './journal.ts'
import { lookAt, type Sighting } from './look.ts'
import { rowsOf } from './look-items.ts'
import { goneScope, orphanScope, returnScope } from './scope-state.ts'
import { lostChildren, nest, relist, unlisted } from './nesting.ts'
import { isNamed, scopesAbove, stray, type Scope } from './scope.ts'
import type { Child, Hint, Key, Trouble } from './source.ts'
import { entries, scopes, type ScopeRow } from './tables.ts'

export interface LookoutOptions {
  readonly vouched: boolean
  /** Wait for scopes whose earlier look still runs; else they count as unseen in this pass. */
  readonly patient: boolean
  /** Only these scopes and keys; default: everything. */
  readonly only?: readonly Hint[]
  /** Called after each scope whose look moved an entry. */
  scopeDone(): void
  /** Other scopes win than before: everything has to be compared. Called before the ledger knows of it. */
  reranked(): Promise<void>
}

export interface LookoutReport {
  readonly complete: number
  readonly unchanged: number
  readonly unavailable: number
  readonly appeared: number
  readonly changed: number
  readonly gone: number
  readonly troubles: number
  /** When to look again: an absence to confirm, or a source that asked for patience. */
  readonly again: Instant | null
  /**
   * Judges what targets hold and no source ever told of; to be called once the targets were looked at.
   * null: not everything was seen whole.
   */
  readonly strays: (() => Promise<Judged>) | null
}

export interface Lookout {
  look(options: LookoutOptions): Promise<LookoutReport>
  /** Rank of a scope as last looked at; lower wins where two scopes hold one key. */
  rankOf(scope: Scope): number
}

export function createLookout<I>(context: Context<I>): Lookout {
  const ranks = new Map<Scope, number>()
  const looks: Looks = { running: new Map(), begun: new Map() }

  async function loadRows(): Promise<Map<Scope, Stored<ScopeRow>>> {
    const rows = await context.journal.select(scopes, { where: { sync: context.spec.name } })
    for (const row of rows) ranks.set(row.scope, row.rank)
    return new Map(rows.map((row) => [row.scope, row]))
  }

  async function look(options: LookoutOptions): Promise<LookoutReport> {
    const rows = await loadRows()
    const walk = createWalk(context, rows, ranks, looks, options)
    // Below one that is looked at in any pass, what is no longer named must not pass for no longer listed.
    if (!options.only || context.spec.source.namesAll === true) await orphanScopes(context, rows)
    await walk.run(options.only ? hinted(options.only, context.spec.source.scopes, rows) : context.spec.source.scopes)
    if (walk.reranked) await options.reranked()
    const settled = await settle(context, rows, walk, options)
    const seen = [...walk.sightings.values()]
    const sum = (count: (sighting: Sighting) => number) => seen.reduce((total, sighting) => total + count(sighting), 0)
    return {
      complete: sum((sighting) => (['complete', 'delta', 'partial'].includes(sighting.sight) ? 1 : 0)),
      unchanged: sum((sighting) => (sighting.sight === 'unchanged' ? 1 : 0)),
      unavailable: sum((sighting) => (sighting.sight === 'unseen' ? 1 : 0)) + walk.skipped,
      appeared: sum((sighting) => sighting.appeared),
      changed: sum((sighting) => sighting.changed),
      troubles: sum((sighting) => sighting.troubles.length),
      ...settled,
    }
  }

  return { look, rankOf: (scope) => ranks.get(scope) ?? 0 }
}

/**
 * Hinted scopes that are known or that the config names; a hint about anything else means a look at
 * the nearest such scope above it. One under nothing that the config names is not looked at.
 */
function hinted(hints: readonly Hint[], named: readonly Child[], rows: ReadonlyMap<Scope, ScopeRow>): Child[] {
  const there = (scope: Scope): Child | undefined => {
    const row = rows.get(scope)
    if (row && row.state !== 'gone' && row.state !== 'orphaned') return row
    return named.find((child) => child.scope === scope)
  }
  const wanted = hints.flatMap(({ scope }) => {
    const nearest = [scope, ...scopesAbove(scope)].map(there).find((child) => child !== undefined)
    return nearest ? [{ scope: nearest.scope, rank: nearest.rank ?? 0 }] : []
  })
  return [...new Map(wanted.map((child) => [child.scope, child])).values()]
}

/** Looks of overlapping passes: one at a time for each scope, and only the newest settles it. */
interface Looks {
  readonly running: Map<Scope, Promise<void>>
  readonly begun: Map<Scope, number>
}

interface Walk {
  readonly sightings: ReadonlyMap<Scope, Sighting>
  /** Whether another pass has begun a look at the scope since this one looked at it, or since this one began. */
  overtaken(scope: Scope): boolean
  /** Scopes whose earlier look still hangs. */
  readonly skipped: number
  /** Some scope has another rank than its entries were delivered by. */
  readonly reranked: boolean
  run(from: readonly Child[]): Promise<void>
}

function createWalk<I>(
  context: Context<I>,
  rows: ReadonlyMap<Scope, Stored<ScopeRow>>,
  ranks: Map<Scope, number>,
  looks: Looks,
  options: LookoutOptions,
): Walk {
  const sightings = new Map<Scope, Sighting>()
  const turns = new Map(looks.begun)
  const overtaken = (scope: Scope) => looks.begun.get(scope) !== turns.get(scope)
  const queued = new Set<Scope>()
  const queue: Child[] = []
  const keysOf = Map.groupBy(options.only ?? [], (hint) => hint.scope)
  const childrenOf = nest(rows)
  let skipped = 0
  let reranked = false

  function enqueue(children: readonly Child[]): void {
    for (const child of children) {
      if (queued.has(child.scope)) continue
      queued.add(child.scope)
      queue.push(child)
    }
  }

  async function visit(child: Child): Promise<void> {
    const { scope } = child
    while (looks.running.has(scope)) {
      if (!options.patient) {
        skipped += 1
        return
      }
      await looks.running.get(scope)
    }
    const done = Promise.withResolvers<void>()
    looks.running.set(scope, done.promise)
    try {
      await look(child)
    } finally {
      looks.running.delete(scope)
      done.resolve()
    }
  }

  async function look({ scope, rank = 0 }: Child): Promise<void> {
    const turn = (looks.begun.get(scope) ?? 0) + 1
    looks.begun.set(scope, turn)
    turns.set(scope, turn)
    const row = rows.get(scope) ?? null
    reranked ||= row !== null && rank !== row.rank
    ranks.set(scope, rank)
    const hints = keysOf.get(scope) ?? []
    const keys = hints.flatMap((hint): Key[] => (hint.key === undefined ? [] : [hint.key]))
    const onlyKeys = hints.length > 0 && keys.length === hints.length
    const seen = await lookAt(context, scope, { row, rank, vouched: options.vouched, ...(onlyKeys && { keys }) })
    // A newer look knows better what is there; judging by this one could take away what that one found.
    const settle: Sighting['settle'] = async (...how) =>
      overtaken(scope) ? { gone: 0, again: null } : seen.settle(...how)
    sightings.set(scope, { ...seen, settle })
    if (seen.appeared + seen.changed > 0) options.scopeDone()
    if (seen.children) enqueue(seen.children)
    else if (!options.only) enqueue(childrenOf(scope))
  }

  let failure: unknown = null

  async function work(started: () => void): Promise<void> {
    for (let next = queue.shift(); next && failure === null; next = queue.shift()) {
      try {
        await visit(next)
      } catch (thrown) {
        failure ??= thrown
      }
      started()
    }
  }

  return {
    sightings,
    overtaken,
    get reranked() {
      return reranked
    },
    get skipped() {
      return skipped
    },
    async run(from) {
      enqueue(from)
      const workers = new Set<Promise<void>>()
      // A worker ends when the queue is empty; one whose scope has children starts others for them.
      const start = () => {
        while (queue.length > 0 && workers.size < limitsOf(context.spec).scopes) {
          const done: Promise<void> = work(start).finally(() => workers.delete(done))
          workers.add(done)
        }
      }
      start()
      while (workers.size > 0) await Promise.race(workers)
      if (failure !== null) throw failure
    },
  }
}

/** Known scopes under none of the configured ones; and those that the config names again, whatever became of them. */
async function orphanScopes(context: Context, rows: Map<Scope, Stored<ScopeRow>>): Promise<void> {
  for (const row of rows.values()) {
    if (row.state === 'gone') continue
    const out = !isNamed(context.spec.source, row.scope)
    if (out === (row.state === 'orphaned')) continue
    rows.set(row.scope, await (out ? orphanScope(context, row) : returnScope(context, row)))
  }
}

async function settle(
  context: Context,
  rows: ReadonlyMap<Scope, Stored<ScopeRow>>,
  walk: Walk,
  options: LookoutOptions,
): Promise<Judged & Pick<LookoutReport, 'strays'>> {
  const known = new Set<Scope>([...walk.sightings.keys(), ...context.spec.source.scopes.map(({ scope }) => scope)])
  for (const row of rows.values()) if (row.state !== 'gone' && row.state !== 'orphaned') known.add(row.scope)
  // A pass that waited for something slow must not judge by what it saw before others looked again.
  const seen = new Map([...walk.sightings].filter(([scope]) => !walk.overtaken(scope)))
  const sightOf = (scope: Scope) => seen.get(scope)?.sight
  const total = { gone: 0, again: null as Instant | null }
  const add = (gone: number, again: Instant | null) => {
    total.gone += gone
    if (again !== null) total.again = Math.min(total.again ?? again, again)
  }
  await relist(context, rows, seen)
  const { vanishedNow, contradicted } = unlisted(rows, seen, known)
  for (const row of vanishedNow) {
    if (walk.overtaken(row.scope)) continue
    const judged = await judgeAbsences(context, row.scope, options.vouched, () => false, 'scope-gone')
    add(judged.gone, judged.again)
    if (!(await anyLive(context, row.scope))) await goneScope(context, row)
    else if (row.missedAt === null) {
      const { sync, scope } = row
      await commit(context, [], [quietPatch(scopes, { sync, scope, mark: null, missedAt: context.clock.now() })])
    }
  }
  for (const scope of contradicted) {
    if (seen.has(scope)) continue
    await commit(context, [], [quietPatch(scopes, { sync: context.spec.name, scope, mark: null })])
  }
  const childrenOf = nest(rows)
  // Those below first: a mark says that all that is listed is known, also to a process that comes after a crash.
  for (const sighting of [...seen.values()].toSorted(
    (a, b) => scopesAbove(b.scope).length - scopesAbove(a.scope).length,
  )) {
    const { scope } = sighting
    const aboveWhole = scopesAbove(scope).every((above) => !known.has(above) || seenWhole(above, sightOf, known))
    const entered = sighting.children?.every(({ scope: child }) => known.has(child)) ?? true
    const keepMark = entered && !contradicted.has(scope) && (aboveWhole || !lostChildren(sighting, childrenOf))
    const judged = await sighting.settle(aboveWhole, keepMark)
    add(judged.gone, judged.again)
    add(0, sighting.again)
  }
  const whole =
    !options.only && [...known].every((scope) => seenWhole(scope, sightOf, known) || vanished(scope, seen, rows))
  if (!whole) return { ...total, strays: null }
  await claimStrays(context)
  const troubles = [...seen.values()].flatMap((sighting) => sighting.troubles)
  return { ...total, strays: () => judgeStrays(context, options.vouched, troubles) }
}

function vanished(scope: Scope, seen: ReadonlyMap<Scope, Sighting>, rows: ReadonlyMap<Scope, ScopeRow>): boolean {
  return !seen.has(scope) && (rows.get(scope)?.missedAt ?? null) !== null
}

async function anyLive(context: Context, scope: Scope): Promise<boolean> {
  const live = await context.journal.count(entries, { sync: context.spec.name, scope, state: 'live' })
  return (live[0]?.count ?? 0) > 0
}

/** What targets hold and no source had told of is claimed once a source does. */
async function claimStrays(context: Context): Promise<Set<Key>> {
  const keys: Key[] = []
  for await (const row of rowsOf(context, stray)) if (row.state === 'stray') keys.push(row.key)
  if (keys.length === 0) return new Set()
  const sync = context.spec.name
  const rows = await context.journal.select(entries, { where: { sync, key: { in: keys } }, without: ['item'] })
  const claimed = new Set(rows.filter((row) => row.state === 'live').map((row) => row.key))
  const facts = [...claimed].map((key) =>
    drop(entries, { sync, scope: stray, key }, tell(context, 'entry.claimed', { scope: stray, key })),
  )
  await commit(context, facts)
  return claimed
}

/** What is left is absent like anything else. */
async function judgeStrays(context: Context, vouched: boolean, troubles: readonly Trouble[]): Promise<Judged> {
  // Nobody ever read where a stray stands: it may be in any file that cannot be read.
  if (troubles.some((trouble) => 'origin' in trouble)) return { gone: 0, again: null }
  const claimed = await claimStrays(context)
  const shielded = createShield(troubles)
  return judgeAbsences(context, stray, vouched, (row) => claimed.has(row.key) || shielded(row), 'absent')
}

/** What a person may do to the ledger: release, pause, forget. Works on any replica; the owner is woken by the ledger. */
import type { Clock } from '../kernel/clock.ts'
import { AppError } from '../kernel/errors.ts'
import type { SyncSpec } from './engine.ts'
import { drop, patch, put, quietlyDrop, type Fact, type Journal, type Quiet, type Stored } from './journal.ts'
import { step } from './lifecycle.ts'
import { isNamed, scopesAbove } from './scope.ts'
import { deliveries, entries, holds, scopes, syncs, targets, type DeliveryState, type EntryRow } from './tables.ts'

/** A sync as far as it matters here. */
type Named = Pick<SyncSpec<unknown>, 'name' | 'registry' | 'source'>

/** Answers the sync of the hold, or null where there is no such hold. Releasing twice is no error. */
export async function releaseHold(journal: Journal, clock: Clock, id: string, by: string): Promise<string | null> {
  const hold = await journal.get(holds, { id })
  if (hold === null) return null
  if (hold.state === 'released') return hold.sync
  const { sync, target, key } = hold
  const about = { sync, target, key, reason: hold.reason, actor: by, data: { hold: id } }
  const { seq, ...columns } = hold
  const facts: Fact[] = [
    put(holds, { ...columns, state: 'released', by }, { type: 'hold.released', ...about }, { seq }),
  ]
  const delivery = await journal.get(deliveries, { sync, target, key })
  if (delivery?.state === 'held') {
    const { seq: at, ...row } = delivery
    facts.push(
      put(
        deliveries,
        { ...row, state: step(row.state, 'released') as DeliveryState, due: clock.now() },
        { type: 'delivery.released', ...about },
        { seq: at },
      ),
    )
  }
  const results = await journal.commit(facts, { atomic: true })
  // The owner moved it in between: read it anew.
  return results.includes('conflict') ? releaseHold(journal, clock, id, by) : sync
}

/** A row that moved in between has been asked about meanwhile. */
export async function reconsider(journal: Journal, clock: Clock, sync: string, key: string): Promise<void> {
  const held = await journal.select(deliveries, { where: { sync, key, state: 'held' } })
  const due = clock.now()
  const facts = held.map(({ target, reason, seq }) => {
    const event = { type: 'delivery.reconsidered', sync, target, key, ...(reason !== null && { reason }) }
    return patch(deliveries, { sync, target, key, due }, event, { seq })
  })
  if (facts.length > 0) await journal.commit(facts)
}

export async function setPaused(journal: Journal, spec: Named, paused: boolean, by: string): Promise<void> {
  const sync = spec.name
  const known = await journal.get(syncs, { sync })
  if (known === null) throw new AppError('request.not-found', `the ledger knows no sync "${sync}"`)
  const { seq: _, ...row } = known
  const event = { type: paused ? 'sync.paused' : 'sync.resumed', sync, actor: by }
  await journal.commit([put(syncs, { ...row, state: paused ? 'paused' : 'active' }, event)])
}

/** `spec`: null when the config no longer names the sync. */
export async function forget(
  journal: Journal,
  spec: Named | null,
  what: { readonly sync: string; readonly scope?: string; readonly target?: string },
  by: string,
): Promise<number> {
  const { sync, scope, target } = what
  if (scope !== undefined) return forgetScope(journal, spec, sync, scope, by)
  if (target !== undefined) return forgetTarget(journal, sync, target, by)
  if (spec) throw new AppError('config.owned', `the config still names the sync "${sync}"; take it out first`)
  return forgetSync(journal, sync, by)
}

/**
 * Its entries and those of every scope below it count as gone, as a person says so: targets remove them
 * through the removal budget.
 */
async function forgetScope(
  journal: Journal,
  spec: Named | null,
  sync: string,
  scope: string,
  by: string,
): Promise<number> {
  const named = (one: string) => spec !== null && isNamed(spec.source, one)
  if (named(scope))
    throw new AppError('config.owned', `the config still names the scope "${scope}" of "${sync}"; take it out first`)
  const rows = await journal.select(scopes, { where: { sync } })
  const below = rows.filter((row) => scopesAbove(row.scope).includes(scope) && !named(row.scope))
  let count = 0
  for (const one of [scope, ...below.map((row) => row.scope)]) {
    for await (const page of pagesOf(journal, sync, one)) {
      const live = page.filter((entry) => entry.state !== 'gone')
      count += live.length
      await journal.commit(live.map((entry) => forgottenEntry(entry, by)))
    }
    const event = { type: 'scope.forgotten', sync, scope: one, actor: by }
    await journal.commit([drop(scopes, { sync, scope: one }, event)])
  }
  return count
}

function forgottenEntry(entry: Stored<EntryRow>, by: string): Fact {
  const { seq: _, ...columns } = entry
  const event = {
    type: 'entry.gone',
    sync: entry.sync,
    scope: entry.scope,
    key: entry.key,
    reason: 'forgotten',
    actor: by,
  }
  return put(entries, { ...columns, state: 'gone', item: null, missedAt: null, misses: 0 }, event)
}

async function* pagesOf(journal: Journal, sync: string, scope: string): AsyncGenerator<Stored<EntryRow>[]> {
  let after: string[] | undefined
  for (;;) {
    const query = { where: { sync, scope }, order: ['key'] as const, limit: 500, without: ['item'] as const }
    const page = await journal.select(entries, after ? { ...query, after } : query)
    if (page.length === 0) return
    yield page
    after = [page.at(-1)!.key]
  }
}

/** The ledger lets go of what it knows of the target; the target itself is not touched. */
export async function forgetTarget(journal: Journal, sync: string, target: string, by: string): Promise<number> {
  const row = await journal.get(targets, { sync, target })
  if (row && row.state !== 'orphaned') {
    throw new AppError('config.owned', `the config still names the target "${target}" of "${sync}"; take it out first`)
  }
  let count = 0
  for (;;) {
    const page = await journal.select(deliveries, { where: { sync, target }, limit: 500 })
    if (page.length === 0) break
    count += page.length
    const left = await journal.select(holds, { where: { sync, target, key: { in: page.map(({ key }) => key) } } })
    await journal.commit([], {
      quiet: [
        ...page.map(({ key }): Quiet => quietlyDrop(deliveries, { sync, target, key })),
        ...left.map(({ id }): Quiet => quietlyDrop(holds, { id })),
      ],
    })
  }
  if (row)
    await journal.commit([
      drop(
        targets,
        { sync, target },
        { type: 'target.forgotten', sync, target, actor: by, data: { deliveries: count } },
      ),
    ])
  return count
}

async function forgetSync(journal: Journal, sync: string, by: string): Promise<number> {
  let count = 0
  for (const { target } of await journal.select(targets, { where: { sync } })) {
    const row = (await journal.get(targets, { sync, target }))!
    const { seq: _, ...columns } = row
    await journal.commit([
      put(targets, { ...columns, state: 'orphaned' }, { type: 'target.orphaned', sync, target, reason: 'orphaned' }),
    ])
    count += await forgetTarget(journal, sync, target, by)
  }
  // Also strays, and what scopes left that were forgotten before.
  for (;;) {
    const page = await journal.select(entries, { where: { sync }, limit: 500, without: ['item'] })
    if (page.length === 0) break
    await journal.commit([], { quiet: page.map(({ scope, key }) => quietlyDrop(entries, { sync, scope, key })) })
  }
  for (const { scope } of await journal.select(scopes, { where: { sync } })) {
    await journal.commit([drop(scopes, { sync, scope }, { type: 'scope.forgotten', sync, scope, actor: by })])
  }
  await journal.commit([
    drop(syncs, { sync }, { type: 'sync.forgotten', sync, actor: by, data: { deliveries: count } }),
  ])
  return count
}

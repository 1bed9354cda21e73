/** The row of a scope: what the last look made of it. */
import type { Json } from '../kernel/json.ts'
import { commit, tell, type Context } from './context.ts'
import { put, quietly, quietPatch, type Stored } from './journal.ts'
import type { Reason } from './reason.ts'
import type { Scope } from './scope.ts'
import type { Trouble } from './source.ts'
import { scopes, type ScopeRow } from './tables.ts'

interface About {
  readonly row: Stored<ScopeRow> | null
  readonly rank: number
}

/** Most troubles kept in a scope's row; its detail says when there are more, and the count in the event is exact. */
const troublesShown = 1000

/** The row comes before the first entry: what is below no known scope would never be judged, should this process die. */
export async function beginScope(context: Context, scope: Scope, rank: number): Promise<Stored<ScopeRow>> {
  const row: ScopeRow = {
    sync: context.spec.name,
    scope,
    state: 'ok',
    why: null,
    detail: null,
    rank,
    mark: null,
    troubles: [],
    lookedAt: context.clock.now(),
    completeAt: null,
    missedAt: null,
  }
  await commit(context, [put(scopes, row, tell(context, 'scope.appeared', { scope }), 'absent')])
  return { ...row, seq: 0 }
}

/** A look ended whole (or as a delta). Writes nothing where nothing is new. */
export async function settleScope(
  context: Context,
  scope: Scope,
  about: About,
  troubles: readonly Trouble[],
  mark: string | null,
  markCleared: boolean,
): Promise<void> {
  const now = context.clock.now()
  const { row, rank } = about
  const next: ScopeRow = {
    sync: context.spec.name,
    scope,
    state: 'ok',
    why: null,
    detail:
      troubles.length > troublesShown ? `${troubles.length} troubles, of which ${troublesShown} are listed` : null,
    rank,
    mark,
    troubles: troubles.slice(0, troublesShown) as unknown as Json,
    lookedAt: now,
    completeAt: now,
    missedAt: null,
  }
  const sameTroubles = JSON.stringify(row?.troubles ?? []) === JSON.stringify(next.troubles)
  if (row === null || row.state !== 'ok' || !sameTroubles) {
    const type = troubles.length > 0 ? 'scope.troubled' : row === null ? 'scope.appeared' : 'scope.recovered'
    const data = { troubles: troubles.length, first: next.troubles }
    const event = tell(context, type, { scope, ...(troubles.length > 0 && { reason: 'trouble', data }) })
    await commit(context, [put(scopes, next, event)])
  } else if (
    markCleared ||
    row.mark !== mark ||
    row.completeAt === null ||
    row.rank !== rank ||
    row.missedAt !== null
  ) {
    await commit(context, [], [quietly(scopes, next)])
  }
}

/** A look failed. The same failure again is no news. `mark`: what is left of the validator. */
export async function unavailableScope(
  context: Context,
  scope: Scope,
  about: About,
  why: Reason,
  detail: string | null,
  mark: string | null,
): Promise<void> {
  const { row, rank } = about
  if (row !== null && row.state === 'unavailable' && row.why === why && row.detail === detail) return
  const next: ScopeRow = {
    sync: context.spec.name,
    scope,
    state: 'unavailable',
    why,
    detail,
    rank,
    mark,
    troubles: row?.troubles ?? [],
    lookedAt: context.clock.now(),
    completeAt: row?.completeAt ?? null,
    missedAt: row?.missedAt ?? null,
  }
  if (row !== null && row.state === 'unavailable' && row.why === why) {
    const { sync } = next
    await commit(context, [], [quietPatch(scopes, { sync, scope, detail, lookedAt: next.lookedAt })])
    return
  }
  const event = tell(context, 'scope.unavailable', { scope, reason: why, ...(detail !== null && { data: { detail } }) })
  await commit(context, [put(scopes, next, event)])
}

/** The config no longer names it: kept, and shown, until a person says forget. */
export async function orphanScope(context: Context, row: Stored<ScopeRow>): Promise<Stored<ScopeRow>> {
  const { seq, ...columns } = row
  const next: ScopeRow = { ...columns, state: 'orphaned', why: 'orphaned', mark: null }
  await commit(context, [put(scopes, next, tell(context, 'scope.orphaned', { scope: row.scope, reason: 'orphaned' }))])
  return { ...next, seq }
}

/** The config names it, or one above it, again: from now on it is judged by looks like any other. */
export async function returnScope(context: Context, row: Stored<ScopeRow>): Promise<Stored<ScopeRow>> {
  const { seq, ...columns } = row
  const next: ScopeRow = { ...columns, state: 'ok', why: null, detail: null, mark: null, missedAt: null }
  await commit(context, [put(scopes, next, tell(context, 'scope.returned', { scope: row.scope }))])
  return { ...next, seq }
}

/** The scope above lists it no more, and nothing of it is left. */
export async function goneScope(context: Context, row: Stored<ScopeRow>): Promise<void> {
  const { seq: _, ...columns } = row
  const event = tell(context, 'scope.gone', { scope: row.scope, reason: 'scope-gone' })
  await commit(context, [
    put(scopes, { ...columns, state: 'gone', why: 'scope-gone', mark: null, missedAt: null }, event),
  ])
}

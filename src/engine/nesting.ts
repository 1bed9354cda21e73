/** Nested scopes: which are listed by the scope above, which no longer, which again. */
import { seenWhole } from './absence.ts'
import { commit, type Context } from './context.ts'
import { quietPatch, type Quiet, type Stored } from './journal.ts'
import type { Sighting } from './look.ts'
import { rowsOf } from './look-items.ts'
import { scopesAbove, type Scope } from './scope.ts'
import type { Child } from './source.ts'
import { entries, scopes, type ScopeRow } from './tables.ts'

type Rows = ReadonlyMap<Scope, Stored<ScopeRow>>
type Sightings = ReadonlyMap<Scope, Sighting>

export type ChildrenOf = (scope: Scope) => readonly ScopeRow[]

/**
 * Known scopes whose nearest known scope above is the one asked for, as that listed them when it last did. Sorted
 * once, with the first question: asking for each of a thousand scopes must not go through all of them each time.
 */
export function nest(rows: ReadonlyMap<Scope, ScopeRow>): ChildrenOf {
  let nested: ReadonlyMap<Scope | undefined, readonly ScopeRow[]> | null = null
  return (scope) => {
    nested ??= Map.groupBy(
      [...rows.values()].filter((row) => row.state !== 'gone' && row.state !== 'orphaned' && row.missedAt === null),
      (row) => scopesAbove(row.scope).find((above) => rows.has(above)),
    )
    return nested.get(scope) ?? []
  }
}

/**
 * Scopes that are listed again begin anew, and so does everything below them: their misses were not in
 * a row. Those that were looked at, too, know better themselves.
 */
export async function relist(context: Context, rows: Rows, sightings: Sightings): Promise<void> {
  const sync = context.spec.name
  const again = (row: ScopeRow): boolean => {
    if (row.missedAt === null && row.state !== 'gone') return false
    if ((sightings.get(row.scope)?.sight ?? 'unseen') !== 'unseen') return false
    const parent = scopesAbove(row.scope).find((scope) => sightings.has(scope))
    if (parent === undefined) return false
    const { children } = sightings.get(parent)!
    if (children) return lists(children, row.scope)
    const above = rows.get(parent)
    return above !== undefined && again(above)
  }
  for (const row of rows.values()) {
    if (row.missedAt === null || !again(row)) continue
    const quiet: Quiet[] = [quietPatch(scopes, { sync, scope: row.scope, missedAt: null })]
    for await (const { scope, key, missedAt } of rowsOf(context, row.scope)) {
      if (missedAt !== null) quiet.push(quietPatch(entries, { sync, scope, key, missedAt: null, misses: 0 }))
    }
    await commit(context, [], quiet)
  }
}

/** Whether a list of nested scopes has the scope, or one above it. */
function lists(children: readonly Child[], scope: Scope): boolean {
  return children.some((child) => child.scope === scope || isBelow(scope, child.scope))
}

const isBelow = (scope: Scope, above: Scope): boolean => scopesAbove(scope).includes(above)

/** Whether a look does not list a scope that is known below it. */
export function lostChildren({ scope, children }: Sighting, childrenOf: ChildrenOf): boolean {
  if (children === null) return false
  const listed = new Set(children.map((child) => child.scope))
  return childrenOf(scope).some((row) => !listed.has(row.scope))
}

/**
 * Known scopes that the scope above, seen whole, no longer lists, and everything below them. A scope
 * that was seen all the same contradicts that: the scope above (`contradicted`) has to be asked again.
 */
export function unlisted(
  rows: Rows,
  sightings: Sightings,
  known: ReadonlySet<Scope>,
): { readonly vanishedNow: readonly Stored<ScopeRow>[]; readonly contradicted: ReadonlySet<Scope> } {
  const sightOf = (scope: Scope) => sightings.get(scope)?.sight
  const vanishedNow: Stored<ScopeRow>[] = []
  const contradicted = new Set<Scope>()
  for (const row of rows.values()) {
    if (row.state === 'gone' || row.state === 'orphaned') continue
    if ((sightOf(row.scope) ?? 'unseen') !== 'unseen') {
      const above = scopesAbove(row.scope).find((scope) => rows.has(scope))
      const list = above === undefined ? undefined : sightings.get(above)?.children
      if (above !== undefined && (list ? !lists(list, row.scope) : row.missedAt !== null)) contradicted.add(above)
      continue
    }
    const parent = scopesAbove(row.scope).find((scope) => sightings.has(scope))
    if (parent === undefined || !seenWhole(parent, sightOf, known)) continue
    if (!isListed(row, sightings.get(parent)!, rows)) vanishedNow.push(row)
  }
  return { vanishedNow, contradicted }
}

function isListed(row: ScopeRow, parent: Sighting, rows: Rows): boolean {
  if (parent.children) {
    const shielded = parent.troubles.some((trouble) => 'origin' in trouble && trouble.origin === row.scope)
    return shielded || lists(parent.children, row.scope)
  }
  // It did not list them again: what it did not list the last time, it does not list now.
  const between = [row.scope, ...scopesAbove(row.scope)].filter((scope) => isBelow(scope, parent.scope))
  return between.every((scope) => rows.get(scope)?.missedAt == null && rows.get(scope)?.state !== 'gone')
}

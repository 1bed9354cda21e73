/** A source over the truth that can fail, and mislead within what the contract allows, in every way that a real one does. */
import type { Clock, Instant, Ms } from '../../kernel/clock.ts'
import type { Scope } from '../scope.ts'
import type { Ask, Child, Entry, Hint, Key, Look, Same, Source, Trouble } from '../source.ts'
import type { Reach } from './process.ts'
import type { Told, Truth, Version } from './truth.ts'

export interface Item {
  readonly content: number
}

/** How the source answers all its life. */
export interface SourceSetting {
  readonly absence: Source<Item>['absence']
  /** Answers `unchanged` when nothing it would show has changed since the mark. */
  readonly marks: boolean
  /** Answers `delta` since the mark's revision. */
  readonly deltas: boolean
  /** Answers `Same` for entries whose stamp is known. */
  readonly stamps: boolean
  readonly ordinals: boolean
  /** Two contents may go by one label. */
  readonly coarseLabels: boolean
  /** Answers a look for certain keys with these keys alone. */
  readonly narrow: boolean
  /** What it says of a nested scope that is no longer there. */
  readonly lostScope: 'unavailable' | 'empty'
}

export type ScopeFault =
  | { readonly is: 'unavailable' | 'throws' | 'hangs' | 'deaf' }
  /** It cannot be read, and what lies below it meanwhile shows nothing at all. */
  | { readonly is: 'hides-below' }
  /** The list breaks off, or stalls, after so many items. */
  | { readonly is: 'breaks-off' | 'stalls'; readonly after: number }

/** What goes wrong at the source now; outlives the process. */
export interface SourceFaults {
  readonly scopes: Map<Scope, ScopeFault>
  /** Files that cannot be read, by `scope origin`, and keys, by `scope key`. */
  readonly origins: Set<string>
  readonly keys: Set<string>
  /** Keys and nested scopes that a list leaves out for a while, from the first list that does. */
  readonly blinks: Map<string, { until: Instant | null }>
  /** Every scope shows nothing. */
  empty: boolean
  wasEmpty: boolean
  /** Entries told in an older version than the newest (only with ordinals). */
  readonly stale: Map<string, Version>
  /** Edits that happen right after the next answer for the scope. */
  readonly races: Map<Scope, () => void>
}

export function noFaults(): SourceFaults {
  return {
    scopes: new Map(),
    origins: new Set(),
    keys: new Set(),
    blinks: new Map(),
    empty: false,
    wasEmpty: false,
    stale: new Map(),
    races: new Map(),
  }
}

/** Shorter than any `apart`: a list that leaves something out for longer is the truth. */
export const blinkLength: Ms = 9_000

interface Parts {
  readonly truth: Truth
  readonly told: () => Told
  readonly faults: SourceFaults
  readonly setting: SourceSetting
  readonly reach: Reach
  readonly clock: Clock
  readonly hints?: (signal: AbortSignal) => AsyncIterable<Hint>
}

export const at = (scope: Scope, what: string): string => `${scope} ${what}`

export function createFakeSource(parts: Parts): Source<Item> {
  const { truth, setting } = parts
  const source: Source<Item> = {
    scopes: truth.roots(),
    absence: setting.absence,
    async look(ask, signal) {
      // As a client of the network does: the answer is taken at one moment, and comes later.
      const answer = await parts.reach.read(() => fault(parts, ask, signal) ?? seeScope(parts, ask))
      const look = typeof answer === 'function' ? await answer() : answer
      parts.faults.races.get(ask.scope)?.()
      parts.faults.races.delete(ask.scope)
      return look
    },
  }
  return parts.hints ? { ...source, hints: parts.hints } : source
}

type Answer = Look<Entry<Item> | Same>

function fault(parts: Parts, { scope }: Ask, signal: AbortSignal): (() => Promise<Answer>) | Answer | null {
  const is = parts.faults.scopes.get(scope)?.is
  if (is === 'unavailable' || is === 'hides-below') return { saw: 'unavailable', why: 'source-unavailable', detail: is }
  if (is === 'throws') return () => Promise.reject(new Error('connection reset'))
  if (is === 'deaf') return () => new Promise(() => {})
  if (is === 'hangs') {
    return () =>
      new Promise((_, reject) => {
        const end = () => reject(new Error('aborted'))
        if (signal.aborted) end()
        else signal.addEventListener('abort', end, { once: true })
      })
  }
  return null
}

interface Sight {
  readonly rev: number
  readonly versions: readonly Version[]
  readonly children: readonly Child[]
  readonly troubles: readonly Trouble[]
  /** Nothing is left out, troubles aside. */
  readonly honest: boolean
}

/** What a list of the scope shows now. */
function sightOf(parts: Parts, scope: Scope): Sight {
  const { truth, faults } = parts
  const hidden = faults.empty || parentHides(parts, scope)
  if (hidden) return { rev: truth.rev, versions: [], children: [], troubles: [], honest: false }
  const troubles: Trouble[] = []
  const versions: Version[] = []
  let honest = true
  const origins = new Set<string>()
  for (const version of truth.keys(scope).values()) {
    const { key, origin } = version
    if (origin !== null && faults.origins.has(at(scope, origin))) origins.add(origin)
    else if (faults.keys.has(at(scope, key))) troubles.push({ key, why: 'trouble' })
    else if (blinks(parts, at(scope, key))) honest = false
    else versions.push(faults.stale.get(at(scope, key)) ?? version)
  }
  for (const origin of origins) troubles.push({ origin, why: 'trouble' })
  const children = truth.children(scope).filter((child) => !blinks(parts, child.scope))
  if (children.length < truth.children(scope).length) honest = false
  return { rev: truth.rev, versions, children, troubles, honest }
}

function parentHides({ faults, truth }: Parts, scope: Scope): boolean {
  return truth.scopes.some((above) => scope.startsWith(`${above}/`) && faults.scopes.get(above)?.is === 'hides-below')
}

function blinks({ faults, clock }: Parts, what: string): boolean {
  const blink = faults.blinks.get(what)
  if (!blink) return false
  blink.until ??= clock.now() + blinkLength
  return clock.now() < blink.until
}

async function seeScope(parts: Parts, ask: Ask): Promise<Answer> {
  const { truth, setting } = parts
  if (!truth.visible(ask.scope)) {
    if (setting.lostScope === 'unavailable') return { saw: 'unavailable', why: 'source-unavailable', detail: '404' }
    return { saw: 'complete', items: [], children: [] }
  }
  // Everything is decided now, at one moment of the truth; what follows only hands it out.
  const sight = sightOf(parts, ask.scope)
  const mark = markOf(parts, ask.scope, sight)
  if (mark !== null && ask.mark === mark) {
    tellWhole(parts, ask.scope, sight)
    return { saw: 'unchanged' }
  }
  const partial = narrow(parts, ask, sight) ?? delta(parts, ask, sight)
  if (partial) return partial
  const known = setting.stamps ? await ask.known() : null
  const items = sight.versions.map((version) =>
    known?.get(version.key)?.stamp === stampOf(version)
      ? { key: version.key, stamp: stampOf(version) }
      : entryOf(version, setting),
  )
  return {
    saw: 'complete',
    items: handOut(parts, ask.scope, items, () => tellWhole(parts, ask.scope, sight)),
    children: sight.children,
    troubles: sight.troubles,
    ...(mark !== null && { mark }),
  }
}

/** What the ledger knows once the whole answer was read. */
function tellWhole(parts: Parts, scope: Scope, sight: Sight): void {
  tellAll(parts, sight)
  parts.told().read(scope, sight.rev)
}

function tellAll(parts: Parts, sight: Sight): void {
  for (const version of sight.versions) {
    parts.told().see(version)
    parts.faults.blinks.delete(at(version.scope, version.key))
  }
  for (const child of sight.children) parts.faults.blinks.delete(child.scope)
}

async function* handOut<T>(parts: Parts, scope: Scope, items: readonly T[], done: () => void): AsyncGenerator<T> {
  const broken = parts.faults.scopes.get(scope)
  const after = broken && 'after' in broken ? broken.after : Infinity
  for (const [index, item] of items.entries()) {
    if (index >= after) break
    yield item
  }
  if (broken?.is === 'breaks-off') throw new Error('connection reset in the middle of the list')
  if (broken?.is === 'stalls') await new Promise(() => {})
  done()
}

/** An answer about the asked keys alone; absence is told only where the source can vouch for it. */
function narrow(parts: Parts, ask: Ask, sight: Sight): Answer | null {
  if (!parts.setting.narrow || !ask.keys || !sight.honest || sight.troubles.length > 0) return null
  const items = sight.versions.filter(({ key }) => ask.keys!.includes(key))
  const gone = ask.keys.filter((key) => !items.some((item) => item.key === key))
  if (gone.length > 0 && parts.setting.absence !== 'vouched') return null
  tellAll(parts, { ...sight, versions: items, children: [] })
  return { saw: 'delta', items: items.map((version) => entryOf(version, parts.setting)), gone }
}

/** What changed since the revision of the mark; the standing troubles come with each. */
function delta(parts: Parts, ask: Ask, sight: Sight): Answer | null {
  const { truth, setting } = parts
  if (!setting.deltas || ask.mark === undefined || !sight.honest) return null
  const since = Number(ask.mark.slice(1))
  const edits = truth.edits(ask.scope).filter(({ rev }) => rev > since)
  const broken = parts.faults.scopes.get(ask.scope)
  if (edits.some(({ key }) => key === null) || broken) return null
  const changed = new Set<Key>(edits.flatMap(({ key }) => key ?? []))
  const versions = sight.versions.filter(({ key }) => changed.has(key))
  const gone = [...changed].filter((key) => !truth.keys(ask.scope).has(key))
  tellWhole(parts, ask.scope, { ...sight, versions, children: [] })
  return {
    saw: 'delta',
    items: versions.map((version) => entryOf(version, setting)),
    gone,
    troubles: sight.troubles,
    mark: `r${truth.rev}`,
  }
}

function markOf({ setting, truth }: Parts, scope: Scope, sight: Sight): string | null {
  // A list that leaves something out has a validator like any other; a revision it cannot stand for.
  if (setting.deltas) return sight.honest ? `r${truth.rev}` : null
  if (!setting.marks) return null
  return JSON.stringify([
    scope,
    sight.versions.map(({ key, content }) => `${key}=${content}`),
    sight.children.map((child) => child.scope),
    sight.troubles,
  ])
}

const stampOf = (version: Version): string => `s${version.content}`
export const digestOfContent = (content: number): string => `d${content}`
export const labelOfContent = (content: number, coarse: boolean): string =>
  `v${coarse ? Math.ceil(content / 2) : content}`

export function entryOf(
  version: Version,
  setting: Pick<SourceSetting, 'ordinals' | 'stamps' | 'coarseLabels'>,
): Entry<Item> {
  const { key, n, content, origin } = version
  return {
    key,
    digest: digestOfContent(content),
    label: labelOfContent(content, setting.coarseLabels),
    item: { content },
    ...(origin !== null && { origin }),
    ...(setting.stamps && { stamp: stampOf(version) }),
    ...(setting.ordinals && { ordinal: [n] }),
  }
}

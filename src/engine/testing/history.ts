/** What can happen to a world, as data, and how it happens. A step that makes no sense now does nothing. */
import type { Ms } from '../../kernel/clock.ts'
import type { Hint, Key } from '../source.ts'
import { at, type ScopeFault } from './fake-source.ts'
import type { Disturbance, KeyFault, SiteFaults } from './sites/site.ts'
import type { ScopeName, World } from './world.ts'

export type Edit =
  /** `back`: to the content before the last. */
  | { readonly do: 'put'; readonly scope: ScopeName; readonly key: Key; readonly back?: boolean }
  | { readonly do: 'drop'; readonly scope: ScopeName; readonly key: Key }
  | { readonly do: 'move'; readonly from: ScopeName; readonly to: ScopeName; readonly key: Key }
  | { readonly do: 'list'; readonly scope: ScopeName; readonly on: boolean }

export type History =
  | Edit
  /** The edit happens right after the next answer about `after`. */
  | { readonly do: 'race'; readonly after: ScopeName; readonly edit: Edit }
  | { readonly do: 'fault'; readonly scope: ScopeName; readonly fault: ScopeFault | null }
  | {
      readonly do: 'trouble'
      readonly scope: ScopeName
      readonly what: 'key' | 'file'
      readonly key: Key
      readonly on: boolean
    }
  | { readonly do: 'blink'; readonly scope: ScopeName; readonly key: Key | null }
  | { readonly do: 'empty'; readonly on: boolean }
  | { readonly do: 'stale'; readonly scope: ScopeName; readonly key: Key }
  | { readonly do: 'config'; readonly scope: ScopeName; readonly on: boolean }
  | { readonly do: 'site'; readonly site: number; readonly faults: Partial<Omit<SiteFaults, 'keys'>> }
  | { readonly do: 'site-key'; readonly site: number; readonly key: Key; readonly fault: KeyFault | null }
  | { readonly do: 'disturb'; readonly site: number; readonly what: Disturbance }
  | { readonly do: 'listed'; readonly site: number; readonly on: boolean }
  | { readonly do: 'listing'; readonly down: boolean }
  | { readonly do: 'pass'; readonly only?: readonly Hint[]; readonly allowDeletes?: number }
  /** Many hints at once, each a pass of its own. */
  | { readonly do: 'storm'; readonly hints: readonly Hint[]; readonly times: number; readonly apart: Ms }
  | { readonly do: 'wait'; readonly ms: Ms }
  | { readonly do: 'restart'; readonly how: 'stopped' | 'killed' | 'reconfigured' | 'without-ledger' }
  | { readonly do: 'pause' | 'resume' | 'release' }

/** Two files in each scope; a key always stands in the same one. */
export const fileOf = (key: Key): string => `f${key.charCodeAt(key.length - 1) % 2}`

/** What the config leaves out stays as it was: nobody looks, so nobody could tell. */
const frozen = (world: World, scope: ScopeName): boolean => !world.truth.configured(scope)

export async function happen(world: World, step: History): Promise<void> {
  switch (step.do) {
    case 'put':
    case 'drop':
    case 'move':
    case 'list':
      return edit(world, step)
    case 'race':
      // A key that moves between two looks of one pass is seen by neither; with lists that leave things
      // out besides, no source could be believed. Worlds have the one or the other.
      if (world.setting.misleads === 'no') world.faults.races.set(step.after, () => edit(world, step.edit))
      return
    case 'pass':
      return pass(world, step)
    case 'storm':
      for (let count = 0; count < step.times; count += 1) {
        await pass(world, { only: step.hints })
        await world.advance(step.apart)
      }
      return
    case 'wait':
      return world.advance(step.ms)
    case 'config':
      if (step.scope.includes('/') || world.truth.configured(step.scope) === step.on || world.faults.empty) return
      world.truth.configure(step.scope, step.on)
      return world.restart('stopped')
    case 'restart':
      if (step.how === 'reconfigured') world.listing.fingerprint += 1
      if (step.how === 'without-ledger' && !knowable(world)) return
      return world.restart(step.how === 'reconfigured' ? 'stopped' : step.how)
    case 'pause':
      return void (await world.run((engine) => engine.pause(world.sync, 'tester')))
    case 'resume':
      return void (await world.run((engine) => engine.resume(world.sync, 'tester')))
    case 'release':
      if (!lying(world)) await world.releaseAll()
      return
    case 'fault':
    case 'trouble':
    case 'blink':
    case 'empty':
    case 'stale':
      // Within a pass the source is one thing or the other.
      if (world.setting.scheduled) await world.quiet()
      return mislead(world, step)
    default:
      return atSite(world, step)
  }
}

/** Without a ledger, what cannot be looked at is unknowable, and so is what a label does not tell. */
function knowable({ sites, setting }: World): boolean {
  return sites.every((site) => site.looks === 'digests' || (site.looks === 'labels' && !setting.coarseLabels))
}

function edit(world: World, step: Edit): void {
  const { truth, faults } = world
  const scope = step.do === 'move' ? step.from : step.scope
  if (frozen(world, scope)) return
  if (step.do === 'put') truth.put(scope, step.key, fileOf(step.key), step.back)
  if (step.do === 'drop') drop(scope, step.key)
  if (step.do === 'list' && scope.includes('/')) {
    truth.list(scope, step.on)
    faults.blinks.delete(scope)
  }
  if (step.do === 'move' && step.to !== scope && truth.configured(step.to) && truth.keys(scope).has(step.key)) {
    truth.put(step.to, step.key, fileOf(step.key))
    drop(scope, step.key)
  }

  function drop(from: ScopeName, key: Key): void {
    truth.drop(from, key)
    faults.stale.delete(at(from, key))
    faults.blinks.delete(at(from, key))
  }
}

async function pass(world: World, step: { only?: readonly Hint[]; allowDeletes?: number }): Promise<void> {
  const { faults } = world
  const { empty } = faults
  const blinks = [...faults.blinks]
  // Who vouches for removals has looked himself. A source that is empty is so for every look.
  if (step.allowDeletes) faults.empty = false
  if (step.allowDeletes) faults.blinks.clear()
  const only = faults.empty ? undefined : step.only
  if (world.setting.scheduled && !step.allowDeletes) {
    for (const hint of only ?? []) await world.run(async (engine) => engine.hint(world.sync, hint))
    return world.advance(only ? 2_000 : 61_000)
  }
  await world.pass({
    ...(only && { only }),
    ...(step.allowDeletes !== undefined && { allowDeletes: step.allowDeletes }),
  })
  faults.empty = empty
  if (step.allowDeletes) for (const [what, blink] of blinks) faults.blinks.set(what, blink)
}

/** Something that is there is not shown now. */
function lying({ faults }: World): boolean {
  return faults.empty || faults.blinks.size > 0 || [...faults.scopes.values()].some(({ is }) => is === 'hides-below')
}

type Misleading = Extract<History, { do: 'fault' | 'trouble' | 'blink' | 'empty' | 'stale' }>

function mislead(world: World, step: Misleading): void {
  const { truth, faults, setting } = world
  switch (step.do) {
    case 'fault':
      if (faults.empty || (step.fault?.is === 'hides-below' && setting.misleads !== 'lists')) return
      if (step.fault) faults.scopes.set(step.scope, step.fault)
      else faults.scopes.delete(step.scope)
      return
    case 'trouble': {
      if (faults.empty) return
      const set = step.what === 'key' ? faults.keys : faults.origins
      const what = at(step.scope, step.what === 'key' ? step.key : fileOf(step.key))
      if (step.on) set.add(what)
      else set.delete(what)
      // Sources that tell changes tell of troubles that come and go, too.
      for (const { key, origin } of truth.keys(step.scope).values()) {
        if (key === step.key || (step.what === 'file' && origin === fileOf(step.key))) truth.touch(step.scope, key)
      }
      return
    }
    case 'blink': {
      if (setting.misleads !== 'lists' || setting.absence === 'vouched') return
      const what = step.key === null ? step.scope : at(step.scope, step.key)
      if (!faults.blinks.has(what)) faults.blinks.set(what, { until: null })
      return
    }
    case 'empty':
      // Once in a history: seen empty, seen full, seen empty is a source that loses things one by one.
      if (setting.misleads !== 'whole' || (step.on && faults.wasEmpty)) return
      faults.empty = step.on
      if (step.on) faults.wasEmpty = true
      // Only a source that shows nothing anywhere is empty; one that also fails is not.
      if (step.on) calmSource(world)
      return
    case 'stale': {
      const version = truth.keys(step.scope).get(step.key)
      if (!setting.ordinals || !version) return
      truth.put(step.scope, step.key, version.origin)
      faults.stale.set(at(step.scope, step.key), version)
    }
  }
}

/** The source answers everything truly again. */
export function calmSource({ truth, faults }: World): void {
  for (const set of [faults.scopes, faults.keys, faults.origins, faults.blinks, faults.stale, faults.races]) set.clear()
  for (const scope of truth.scopes) for (const key of truth.keys(scope).keys()) truth.touch(scope, key)
}

type AtSite = Extract<History, { do: 'site' | 'site-key' | 'disturb' | 'listed' | 'listing' }>

function atSite(world: World, step: AtSite): void {
  if (step.do === 'listing') {
    world.listing.down = step.down
    return
  }
  const site = world.sites[step.site % world.sites.length]
  if (!site) return
  if (step.do === 'site') Object.assign(site.faults, step.faults)
  if (step.do === 'site-key') {
    if (step.fault) site.faults.keys.set(step.key, step.fault)
    else site.faults.keys.delete(step.key)
  }
  if (step.do === 'disturb') site.disturb(step.what)
  if (step.do === 'listed') {
    if (step.on) world.listed.add(site.name)
    else world.listed.delete(site.name)
  }
}

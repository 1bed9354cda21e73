/** Worlds and histories by chance (fast-check), small enough that every combination comes up. */
import fc from 'fast-check'
import type { Hint } from '../source.ts'
import type { ScopeFault } from './fake-source.ts'
import type { Edit, History } from './history.ts'
import type { Disturbance, SiteFaults } from './sites/site.ts'
import { tree, type Setting, type SiteKind } from './world.ts'

const key = fc.constantFrom('k1', 'k2', 'k3', 'k4', 'k5', 'k6')
const scope = fc.constantFrom(...tree)
const site = fc.nat({ max: 3 })
const flag = fc.boolean()
const mostlyOff = fc.integer({ min: 0, max: 3 }).map((n) => n === 3)

/** Picks the nth; weights by repetition, which fast-check draws faster than weighted choices. */
function often<T>(...choices: readonly (readonly [number, fc.Arbitrary<T>])[]): fc.Arbitrary<T> {
  return fc.oneof(...choices.map(([weight, arbitrary]) => ({ weight, arbitrary })))
}

export const anySetting = (
  limits: { sites?: readonly SiteKind[]; oneShot?: boolean; scheduled?: boolean } = {},
): fc.Arbitrary<Setting> => {
  const kinds = limits.sites ?? [
    'store',
    'marked-store',
    'builder',
    'blind-builder',
    'document',
    'command',
    'labels',
    'blind-labels',
  ]
  return fc
    .record({
      seed: fc.nat({ max: 0xffff }),
      absence: fc.constantFrom<Setting['absence'][]>(
        'vouched',
        { looks: 2, apart: 20_000 },
        { looks: 3, apart: 20_000 },
      ),
      marks: flag,
      deltas: mostlyOff,
      stamps: flag,
      ordinals: mostlyOff,
      coarseLabels: mostlyOff,
      narrow: flag,
      lostScope: fc.constantFrom<Setting['lostScope'][]>('unavailable', 'empty'),
      ranks: fc.tuple(...tree.map(() => fc.nat({ max: 1 }))),
      sites: fc.uniqueArray(fc.constantFrom(...kinds), { minLength: 1, maxLength: limits.sites?.length ?? 2 }),
      firstSight: fc.constantFrom<Setting['firstSight'][]>('overwrite', 'hold', 'keep'),
      drift: fc.constantFrom<Setting['drift'][]>('repair', 'repair', 'report'),
      budget: fc.constantFrom<Setting['budget'][]>(
        { least: 100, share: 1, over: 3_600_000 },
        { least: 5, share: 0.3, over: 3_600_000 },
        { least: 1, share: 0.2, over: 3_600_000 },
      ),
      misleads: fc.constantFrom<Setting['misleads'][]>('no', 'lists', 'lists', 'whole'),
      scheduled: mostlyOff,
      oneShot: mostlyOff,
    })
    .map((setting) => ({
      ...setting,
      oneShot: limits.oneShot ?? setting.oneShot,
      scheduled: limits.scheduled ?? setting.scheduled,
    }))
    .map((setting) =>
      setting.oneShot ? { ...setting, scheduled: false, coarseLabels: false, sites: lookers(setting.sites) } : setting,
    )
}

/** Without a ledger, what cannot be looked at is unknowable, and so is what a label does not tell. */
const lookers = (sites: readonly SiteKind[]): readonly SiteKind[] => {
  const seeing = sites.filter((kind) => kind !== 'command' && !kind.startsWith('blind'))
  return seeing.length > 0 ? seeing : ['store']
}

const edit: fc.Arbitrary<Edit> = often<Edit>(
  [5, fc.record({ do: fc.constant('put'), scope, key })],
  [2, fc.record({ do: fc.constant('put'), scope, key, back: fc.constant(true) })],
  [4, fc.record({ do: fc.constant('drop'), scope, key })],
  [2, fc.record({ do: fc.constant('move'), from: scope, to: scope, key })],
  [1, fc.record({ do: fc.constant('list'), scope, on: flag })],
)

const fault: fc.Arbitrary<ScopeFault | null> = often<ScopeFault | null>(
  [3, fc.constant(null)],
  [3, fc.record({ is: fc.constantFrom('unavailable', 'throws') })],
  [1, fc.record({ is: fc.constantFrom('hangs', 'deaf') })],
  [2, fc.record({ is: fc.constant('hides-below') })],
  [4, fc.record({ is: fc.constantFrom('breaks-off', 'breaks-off', 'stalls'), after: fc.nat({ max: 2 }) })],
)

const misleading: fc.Arbitrary<History> = often<History>(
  [5, fc.record({ do: fc.constant('fault'), scope, fault })],
  [3, fc.record({ do: fc.constant('trouble'), scope, what: fc.constantFrom('key', 'file'), key, on: flag })],
  [3, fc.record({ do: fc.constant('blink'), scope, key: fc.option(key, { freq: 4, nil: null }) })],
  [2, fc.record({ do: fc.constant('empty'), on: flag })],
  [1, fc.record({ do: fc.constant('stale'), scope, key })],
)

const disturbance: fc.Arbitrary<Disturbance> = often<Disturbance>(
  [3, fc.record({ is: fc.constantFrom('lose', 'overwrite'), key })],
  [2, fc.record({ is: fc.constant('replace'), empty: flag })],
  [3, fc.record({ is: fc.constantFrom('accept', 'accept', 'turn-down') })],
  [2, fc.record({ is: fc.constant('preset'), key, ours: flag })],
)

const siteFaults: fc.Arbitrary<Partial<SiteFaults>> = often<Partial<SiteFaults>>(
  [3, fc.record({ down: flag })],
  [1, fc.record({ hangs: fc.constantFrom('no', 'no', 'until-aborted', 'deaf') })],
  [2, fc.record({ lookDown: flag })],
  [2, fc.record({ breaksAfter: fc.option(fc.nat({ max: 2 }), { nil: null }) })],
  [1, fc.record({ swallows: fc.constant(true) })],
)

const atSites: fc.Arbitrary<History> = often<History>(
  [4, fc.record({ do: fc.constant('site'), site, faults: siteFaults })],
  [
    4,
    fc.record({
      do: fc.constant('site-key'),
      site,
      key,
      fault: fc.option(
        fc.constantFrom('rejected', 'fails', 'lost-before', 'lost-after', 'silent-before', 'silent-after'),
        { freq: 3, nil: null },
      ),
    }),
  ],
  [4, fc.record({ do: fc.constant('disturb'), site, what: disturbance })],
  [1, fc.record({ do: fc.constant('listed'), site, on: flag })],
  [1, fc.record({ do: fc.constant('listing'), down: flag })],
)

const hint: fc.Arbitrary<Hint> = often<Hint>([1, fc.record({ scope })], [1, fc.record({ scope, key })])
const hints = fc.array(hint, { minLength: 1, maxLength: 3 })

const passing: fc.Arbitrary<History> = often<History>(
  [6, fc.record({ do: fc.constant('pass') })],
  [2, fc.record({ do: fc.constant('pass'), only: hints })],
  [1, fc.record({ do: fc.constant('pass'), allowDeletes: fc.nat({ max: 4 }) })],
  [
    1,
    fc.record({
      do: fc.constant('storm'),
      hints,
      times: fc.integer({ min: 2, max: 5 }),
      apart: fc.constantFrom(0, 2_000),
    }),
  ],
)

const waiting: fc.Arbitrary<History> = fc.record({
  do: fc.constant('wait'),
  ms: fc.constantFrom(1_000, 5_000, 21_000, 21_000, 60_000, 600_000),
})

const running: fc.Arbitrary<History> = often<History>(
  [
    2,
    fc.record({
      do: fc.constant('restart'),
      how: fc.constantFrom('stopped', 'killed', 'reconfigured', 'without-ledger'),
    }),
  ],
  [2, fc.record({ do: fc.constant('config'), scope: fc.constantFrom('a', 'b'), on: flag })],
  [1, fc.record({ do: fc.constantFrom('pause', 'resume') })],
  [1, fc.record({ do: fc.constant('release') })],
)

const race: fc.Arbitrary<History> = fc.record({ do: fc.constant('race'), after: scope, edit })

const anyStep: fc.Arbitrary<History> = often<History>(
  [10, edit],
  [8, passing],
  [5, waiting],
  [5, misleading],
  [3, atSites],
  [2, running],
  [1, race],
)

/** Begins with something there and delivered, so that there is something to lose. */
const beginning: fc.Arbitrary<History[]> = fc
  .array(fc.record({ do: fc.constant('put' as const), scope, key }), { minLength: 1, maxLength: 6 })
  .map((puts) => [...puts, { do: 'pass' }])

export const anyHistory = (length: { min: number; max: number }): fc.Arbitrary<History[]> =>
  fc
    .tuple(beginning, fc.array(anyStep, { minLength: length.min, maxLength: length.max, size: 'max' }))
    .map(([first, then]) => [...first, ...then])

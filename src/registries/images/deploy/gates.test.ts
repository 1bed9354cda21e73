import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { GatedChange } from '../../../engine/target.ts'
import { revisionOf, type Stage } from '../model.ts'
import type { StageState } from '../stages/book.ts'
import { configOf } from '../stages/definition.ts'
import { blankRow, stateOf } from '../stages/state.ts'
import { stageFor } from '../stages/testing/stages.ts'
import { gateNames, gatesOf } from './gates.ts'

const key = 'shop/production'
const blank = stateOf(blankRow(key), null)
// A Saturday, 21:00 UTC.
const now = Date.UTC(2026, 10, 21, 21)

interface Case {
  readonly stage?: Stage
  readonly state?: Partial<StageState>
  readonly tag?: string
  readonly revision?: string
  readonly was?: string | undefined
  readonly runs?: boolean | null
  readonly op?: 'put' | 'delete'
  readonly at?: number
}

/** What holds it, in the order of the gates; and until when. */
function heldBy({ stage = stageFor(), state = {}, runs = null, ...given }: Case): readonly string[] {
  const { tag = 'v2', revision = `sha256:${tag}`, was, op = 'put', at = now } = given
  const book = { stage: () => stage, state: () => ({ ...blank, config: configOf(stage), ...state }) }
  const change: GatedChange = {
    key,
    op,
    subject: `${op} ${revision}`,
    entry: { key, digest: revision, label: tag, item: null },
    ...(was !== undefined && { was: { key, digest: `sha256:${was}`, label: was } }),
  }
  return gatesOf({ book, runs: () => runs }).flatMap((gate) => {
    const ruling = gate.ask(change, { now: at, sync: 'docker', target: 'docker', live: 1, held: 1 })
    if (ruling === 'go') return []
    assert.equal(ruling.hold, gate.name)
    assert.equal(ruling.subject, change.subject)
    return ruling.until === 'person' ? [gate.name] : [`${gate.name} until ${new Date(ruling.until).toISOString()}`]
  })
}

const first = { baseline: { tag: 'v1', digest: 'sha256:v1', at: null } }
const paused = { at: now, by: 'ann', reason: null }
const by = (...names: string[]) => names.map((name) => ({ name, at: now }))

const table: readonly (readonly [string, Case, readonly string[]])[] = [
  ['nothing stands in the way of a newer version', { was: 'v1' }, []],
  ['a paused stage is not deployed', { state: { paused }, was: 'v1' }, ['paused']],

  ['the baseline is not deployed', { state: first, tag: 'v1' }, ['baseline']],
  ['… unless the deployer sees that nothing runs there', { state: first, tag: 'v1', runs: false }, []],
  ['… nor where it sees that something does', { state: first, tag: 'v1', runs: true }, ['baseline']],
  ['… unless deploy_on_first', { state: first, tag: 'v1', stage: stageFor(key, { deploy_on_first: true }) }, []],
  ['… once more it is the baseline still', { state: { ...first, generation: 2 }, tag: 'v1' }, ['baseline']],
  [
    '… also as the version that was asked for again',
    { state: { ...first, generation: 2 }, tag: 'v1', revision: revisionOf('sha256:v1', 2) },
    ['baseline'],
  ],
  ['what is newer than the baseline is', { state: first }, []],
  ['once something was deployed, the newest is compared with that', { state: first, tag: 'v1', was: 'v0' }, []],
  ['where the first look found nothing, all is new', {}, []],
  ['what the first look will find is the baseline', { state: { config: null } }, ['baseline']],
  ['… and the first of another configuration', { state: { ...first, config: 'another' } }, ['baseline']],

  ['an older version is not deployed', { tag: 'v1', was: 'v2' }, ['never-down']],
  ['… unless allow_downgrade', { tag: 'v1', was: 'v2', stage: stageFor(key, { allow_downgrade: true }) }, []],
  ['the same tag with another digest is not older', { tag: 'v2', revision: 'sha256:other', was: 'v2' }, []],
  ['what cannot be compared by name is not older', { tag: 'nightly', was: 'v2' }, []],
  ['nothing is older than nothing', { tag: 'v1' }, []],

  ['auto_deploy: false waits for a person', { stage: stageFor(key, { auto_deploy: false }), was: 'v1' }, ['approval']],
  [
    'one approval is not two',
    {
      stage: stageFor(key, { approval: { count: 2 } }),
      state: { approvals: { revision: 'sha256:v2', by: by('ann') } },
      was: 'v1',
    },
    ['approval'],
  ],
  [
    'two are',
    {
      stage: stageFor(key, { approval: { count: 2 } }),
      state: { approvals: { revision: 'sha256:v2', by: by('ann', 'bob') } },
      was: 'v1',
    },
    [],
  ],
  [
    'approvals of another version count for nothing',
    {
      stage: stageFor(key, { approval: true }),
      state: { approvals: { revision: 'sha256:v3', by: by('ann', 'bob') } },
      was: 'v1',
    },
    ['approval'],
  ],
  [
    'approvals lapse',
    {
      stage: stageFor(key, { approval: { within: '1h' } }),
      state: { approvals: { revision: 'sha256:v2', by: by('ann') } },
      was: 'v1',
      at: now + 3_600_001,
    },
    ['approval'],
  ],

  [
    'outside the window it waits until that opens',
    { stage: stageFor(key, { window: 'Sat 22:00-23:00' }), was: 'v1' },
    ['window until 2026-11-21T22:00:00.000Z'],
  ],
  ['within it goes', { stage: stageFor(key, { window: 'Sat 20:00-23:00' }), was: 'v1' }, []],

  [
    'what a person asks for passes what guards against surprises',
    {
      stage: stageFor(key, { auto_deploy: false }),
      state: { ...first, asked: { revision: 'sha256:v1', by: 'ann', force: false } },
      tag: 'v1',
    },
    [],
  ],
  [
    '… an older version, too',
    { state: { asked: { revision: 'sha256:v1', by: 'ann', force: false } }, tag: 'v1', was: 'v2' },
    [],
  ],
  [
    '… but not pause and window',
    {
      stage: stageFor(key, { window: 'Sat 22:00-23:00' }),
      state: { paused, asked: { revision: 'sha256:v2', by: 'ann', force: false } },
    },
    ['paused', 'window until 2026-11-21T22:00:00.000Z'],
  ],
  [
    '… with force those as well',
    {
      stage: stageFor(key, { window: 'Sat 22:00-23:00' }),
      state: { paused, asked: { revision: 'sha256:v2', by: 'ann', force: true } },
    },
    [],
  ],
  [
    '… for that version alone',
    { state: { paused, asked: { revision: 'sha256:v1', by: 'ann', force: true } }, was: 'v1' },
    ['paused'],
  ],
  ['a stage that was removed is let go of', { op: 'delete', state: { paused }, was: 'v1' }, []],
]

for (const [says, given, expected] of table) {
  test(says, () => assert.deepEqual(heldBy(given), expected))
}

test('the order of the gates is that of the guide', () => {
  assert.deepEqual(gateNames, ['paused', 'baseline', 'never-down', 'approval', 'window'])
})

test('never down: whatever comes, unasked only versions go that are not below the one before', () => {
  const versions = fc.array(fc.tuple(fc.nat(3), fc.nat(12), fc.boolean()), { maxLength: 40 })
  fc.assert(
    fc.property(versions, (comes) => {
      let was: { readonly tag: string; readonly rank: number } | null = null
      for (const [major, minor, asked] of comes) {
        const tag = `v${major}.${minor}.0`
        const rank = major * 100 + minor
        const wish = asked ? { revision: `sha256:${tag}`, by: 'ann', force: false } : null
        const held = heldBy({ tag, was: was?.tag, state: { asked: wish } })
        assert.equal(held.includes('never-down'), !asked && was !== null && rank < was.rank)
        if (held.length === 0) was = { tag, rank }
      }
    }),
  )
})

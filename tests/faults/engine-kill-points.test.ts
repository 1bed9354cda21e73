/** The process dies before and after durable steps, at all awkward sites at once, on every ledger. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { History } from '../../src/engine/testing/history.ts'
import { everyDurableStep, killAt, stepsOf } from '../../src/engine/testing/kills.ts'
import type { Kill } from '../../src/engine/testing/process.ts'
import { seededRandom } from '../../src/engine/testing/seeded.ts'
import type { Setting } from '../../src/engine/testing/world.ts'
import { skipWithout } from '../parts/find.ts'
import { ledgers, withGrounds } from '../parts/grounds.ts'
import { search } from './engine-worlds.ts'

const setting: Setting = {
  seed: 0,
  absence: { looks: 2, apart: 20_000 },
  marks: false,
  deltas: false,
  stamps: false,
  ordinals: false,
  coarseLabels: false,
  narrow: false,
  lostScope: 'unavailable',
  ranks: [0, 0, 0, 0],
  sites: ['builder', 'document', 'command', 'labels'],
  firstSight: 'overwrite',
  drift: 'repair',
  budget: { least: 100, share: 1, over: 3_600_000 },
  misleads: 'no',
  scheduled: false,
  oneShot: false,
}

/** Something appears, changes, goes; a proposal is accepted; a builder loses an upload; a target is replaced. */
const life: readonly History[] = [
  { do: 'put', scope: 'a', key: 'k1' },
  { do: 'put', scope: 'a/x', key: 'k2' },
  { do: 'put', scope: 'b', key: 'k3' },
  { do: 'pass' },
  { do: 'disturb', site: 1, what: { is: 'accept' } },
  { do: 'put', scope: 'a', key: 'k1' },
  { do: 'drop', scope: 'b', key: 'k3' },
  { do: 'site', site: 0, faults: { swallows: true } },
  { do: 'pass' },
  { do: 'disturb', site: 3, what: { is: 'replace', empty: true } },
  { do: 'wait', ms: 21_000 },
  { do: 'pass' },
]

/** How many kill points of all are tried: everything in memory, fewer where each costs more. */
const everyNth = { memory: 1, sqlite: 16, postgres: 24 } as const

for (const ledger of ledgers) {
  const skip = ledger === 'postgres' ? skipWithout('postgres') : false
  test(`on ${ledger}: dead at a durable step, the end is exact and no effect is seen twice`, { skip }, async () => {
    await withGrounds(ledger, async (next) => {
      const parts = () => ({ ...next(), setting, audit: ledger === 'memory' })
      const steps = await stepsOf(parts, life)
      const all = everyDurableStep(steps)
      const { at, failures } = await killAt(
        parts,
        life,
        all.filter((_, index) => index % everyNth[ledger] === 0),
      )
      assert.deepEqual(failures, [])
      if (ledger !== 'memory') return
      const durable = ['entries', 'sending', 'effect', 'outcome', 'cursor']
      const missed = durable.flatMap((step) => [`before ${step}`, `after ${step}`]).filter((point) => !at[point])
      assert.deepEqual(missed, [], 'steps that nobody died at')
    })
  })

  test(`on ${ledger}: dead at a random moment`, { skip }, async () => {
    await withGrounds(ledger, async (next) => {
      const parts = () => ({ ...next(), setting })
      const random = seededRandom(11)
      const steps = (await stepsOf(parts, life)).length
      const kills = Array.from({ length: 20 }, (): Kill => {
        return { of: 'any', nth: 1 + Math.floor(random() * steps), side: random() < 0.5 ? 'before' : 'after' }
      })
      assert.deepEqual((await killAt(parts, life, kills)).failures, [])
    })
  })
}

test('random histories with a kill in each', async () => {
  const { failure } = await search({ runs: 400, seed: 20_261_121, killed: true })
  assert.equal(failure, null)
})

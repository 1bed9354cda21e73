/** Processes that die: at every durable step, and at random moments, on every ledger, at the awkward targets. */
import type { History } from '../src/engine/testing/history.ts'
import { everyDurableStep, killAt, stepsOf } from '../src/engine/testing/kills.ts'
import type { Kill } from '../src/engine/testing/process.ts'
import { seededRandom } from '../src/engine/testing/seeded.ts'
import type { Setting, SiteKind } from '../src/engine/testing/world.ts'
import { ledgers, withGrounds } from '../tests/parts/grounds.ts'
import type { Proofs } from './report.ts'

const awkward: readonly SiteKind[] = ['builder', 'document', 'command', 'labels']

const setting = (site: SiteKind): Setting => ({
  seed: 0,
  absence: 'vouched',
  marks: true,
  deltas: false,
  stamps: true,
  ordinals: false,
  coarseLabels: false,
  narrow: false,
  lostScope: 'unavailable',
  ranks: [0, 0, 0, 0],
  sites: [site],
  firstSight: 'overwrite',
  drift: 'repair',
  budget: { least: 100, share: 1, over: 3_600_000 },
  misleads: 'no',
  scheduled: false,
  oneShot: false,
})

/** Appears, changes, moves, goes, and comes back, with a target that fails on the way. */
const life: readonly History[] = [
  { do: 'put', scope: 'a', key: 'k1' },
  { do: 'put', scope: 'a/x', key: 'k2' },
  { do: 'put', scope: 'b', key: 'k3' },
  { do: 'pass' },
  { do: 'put', scope: 'a', key: 'k1' },
  { do: 'site-key', site: 0, key: 'k3', fault: 'fails' },
  { do: 'put', scope: 'b', key: 'k3' },
  { do: 'pass' },
  { do: 'site-key', site: 0, key: 'k3', fault: null },
  { do: 'move', from: 'a/x', to: 'b', key: 'k2' },
  { do: 'drop', scope: 'a', key: 'k1' },
  { do: 'wait', ms: 120_000 },
  { do: 'pass' },
  { do: 'put', scope: 'a', key: 'k1' },
  { do: 'pass' },
]

const seed = 2611

export const proofs: Proofs = {
  'house.kill-points': async (report) => {
    for (const ledger of ledgers) {
      const done = { kills: 0, failures: [] as string[] }
      await withGrounds(ledger, async (next) => {
        for (const site of awkward) {
          const parts = () => ({ ...next(), setting: setting(site) })
          const killed = await killAt(parts, life, everyDurableStep(await stepsOf(parts, life)))
          done.kills += killed.kills
          done.failures.push(...killed.failures)
        }
      })
      const note = done.failures[0] ?? `before and after each durable step; ${awkward.join(', ')}`
      report({
        part: ledger,
        ok: done.failures.length === 0,
        figure: `${done.kills} kills, ${done.failures.length} bad ends`,
        note,
      })
    }
  },

  'house.kill-random': async (report, { long }) => {
    const each = (long ? 200 : 40) / awkward.length
    for (const ledger of ledgers) {
      const random = seededRandom(seed)
      const done = { kills: 0, failures: [] as string[] }
      await withGrounds(ledger, async (next) => {
        for (const site of awkward) {
          const parts = () => ({ ...next(), setting: setting(site) })
          const steps = (await stepsOf(parts, life)).length
          const kills = Array.from({ length: each }, (): Kill => {
            return { of: 'any', nth: 1 + Math.floor(random() * steps), side: random() < 0.5 ? 'before' : 'after' }
          })
          const killed = await killAt(parts, life, kills)
          done.kills += killed.kills
          done.failures.push(...killed.failures)
        }
      })
      const note = done.failures[0] ?? `at any wait; seed ${seed}; ${awkward.join(', ')}`
      report({
        part: ledger,
        ok: done.failures.length === 0,
        figure: `${done.kills} kills, ${done.failures.length} bad ends`,
        note,
      })
    }
  },
}

/** What registries do wrong while modules are scanned, and what builders do wrong while they are delivered. */
import { faultNames, realRegistryFaults, registryFaults } from '../tests/parts/modules-faults.ts'
import { builderDown, manyBuilders, type Odd } from '../tests/parts/modules-builders.ts'
import type { Proofs } from './report.ts'

const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`

export const proofs: Proofs = {
  'modules.registry-faults': async (report, { long }) => {
    const names = long ? faultNames : ['401', '429', 'half-a-list']
    for (const run of [() => registryFaults(names), ...(long ? [realRegistryFaults] : [])]) {
      for (const { fault, shownAfter, mendedAfter, scopes, wrong } of await run()) {
        report({
          part: fault,
          ok: wrong.length === 0,
          figure: `${wrong.length} faults, no deletion sent; shown after ${seconds(shownAfter)} at ${scopes} scopes, all well ${seconds(mendedAfter)} after its end`,
          note: wrong[0] ?? 'two builders, 12 modules in 2 channels, a scan each second; from the middle of a scan on',
        })
      }
    }
  },

  'modules.builder-down': async (report, { long }) => {
    for (const returns of ['kept', 'lost'] as const) {
      // What it lost is only found when it is looked at, after what it missed.
      const most = returns === 'kept' ? 1 : 2
      const { changes, moved, uploads, deletes, builds, wrong } = await builderDown(long ? 100 : 10, returns)
      report({
        part: returns === 'kept' ? 'returned' : 'returned-empty',
        ok: wrong.length === 0 && builds <= most,
        figure: `${changes} changes while it was down left ${moved} documents to change: ${uploads} uploads, ${deletes} removals, ${builds} build${builds === 1 ? '' : 's'}, exact`,
        note: wrong[0] ?? '30 modules in 2 channels; no version that was passed over was sent, none twice',
      })
    }
  },

  'modules.fifty-builders': async (report, { long }) => {
    const rounds = long ? 10 : 3
    const run = (odd: Odd) => manyBuilders(long ? 49 : 9, odd, rounds)
    const well = await run('well')
    for (const odd of ['silent', 'builds-for-ever'] as const) {
      const { first, later } = await run(odd)
      const [with_, without] = [median(later), median(well.later)]
      report({
        part: odd,
        // Alike, as far as two runs on a machine with other work are.
        ok: first < well.first * 1.5 + 1_000 && with_ < without * 1.5 + 500,
        figure: `the other ${long ? 49 : 9} had everything after ${seconds(first)}, without it ${seconds(well.first)}; a new version after ${seconds(with_)} (at most ${seconds(Math.max(...later))}), without it ${seconds(without)} (${seconds(Math.max(...well.later))})`,
        note: `medians of ${rounds}; a scan each half second; the first time counts from the start of the process`,
      })
    }
  },
}

function median(of: readonly number[]): number {
  return of.toSorted((a, b) => a - b)[of.length >> 1]!
}

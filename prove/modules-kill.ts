/** kill -9 while modules are scanned and delivered, over and over; and a restart with nothing to do. */
import { seededRandom } from '../src/engine/testing/seeded.ts'
import { killModules } from '../tests/parts/modules-kill.ts'
import { restarts } from '../tests/parts/modules-restart.ts'
import type { Proofs } from './report.ts'

const seed = 2611

export const proofs: Proofs = {
  'modules.kill': async (report, { long }) => {
    const rounds = long ? 100 : 10
    const { kills, amidDelivery, amidScan, compared, faults } = await killModules({
      rounds,
      random: seededRandom(seed),
    })
    report({
      ok: kills === rounds && faults.length === 0 && amidDelivery > 0 && amidScan + amidDelivery >= rounds / 10,
      figure: `${kills} kills, ${amidDelivery} amid a delivery, ${amidScan} amid a scan, ${faults.length} faults`,
      note:
        faults[0] ??
        `real registry with TLS and tokens, three builders, one without a list; all compared ${compared} times, page by page; seed ${seed}`,
    })
  },

  'modules.restart': async (report, { long }) => {
    for (const { after, sent, documents, adopted, wrong } of await restarts(long ? 100 : 10)) {
      const { uploads, deletes, builds } = sent
      // Two builders, and one version that moved.
      const wanted = after === 'stopped-and-one-moved' ? 2 : 0
      const anew = after === 'ledger-removed' || after === 'state-removed'
      const exact = wrong.length === 0 && (!anew || adopted === documents)
      report({
        part: after,
        ok: exact && uploads === wanted && deletes === 0 && builds === wanted,
        figure: `${uploads} uploads, ${builds} builds, ${deletes} deletions to builders with ${documents} documents${anew ? `, ${adopted} adopted` : ''}`,
        note: wrong[0] ?? 'two builders with GET /api/v1/doc; real registry with TLS and tokens',
      })
    }
  },
}

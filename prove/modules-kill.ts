/** kill -9 while modules are scanned and delivered, over and over; and a restart with nothing to do. */
import { seededRandom } from '../src/engine/testing/seeded.ts'
import { killModules } from '../tests/parts/modules-kill.ts'
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
}

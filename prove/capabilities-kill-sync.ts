/** kill -9 during a real etcd sync, and a restart, over and over. */
import { seededRandom } from '../src/engine/testing/seeded.ts'
import { startEtcd } from '../tests/parts/etcd.ts'
import { killSync } from '../tests/parts/kill-sync.ts'
import type { Proofs } from './report.ts'

const seed = 2611

export const proofs: Proofs = {
  'capabilities.kill-sync': async (report, { long }) => {
    await using etcd = await startEtcd()
    const { rounds, amid, faults } = await killSync({ etcd, rounds: long ? 200 : 20, random: seededRandom(seed) })
    report({
      ok: faults.length === 0 && amid >= rounds / 10,
      figure: `${rounds} kills, ${amid} of them while keys were being written, ${faults.length} faults`,
      note:
        faults[0] ?? `800 capabilities rewritten each round, with and without a state folder by turns; seed ${seed}`,
    })
  },
}

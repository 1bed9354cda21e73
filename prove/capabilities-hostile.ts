/** Files that nobody can read, among those that everybody can. */
import { startEtcd } from '../tests/parts/etcd.ts'
import { hostileSync } from '../tests/parts/hostile-sync.ts'
import type { Proofs } from './report.ts'

const seed = 3

export const proofs: Proofs = {
  'capabilities.hostile': async (report, { long }) => {
    const [good, bad] = long ? [1000, 100] : [100, 23]
    await using etcd = await startEtcd()
    const { synced, exact, passes, inLog, inStatus } = await hostileSync(etcd, good, bad, seed)
    const wrong = [...inLog, ...inStatus]
    report({
      ok: synced === good && exact && wrong.length === 0,
      figure: `${synced} of ${good} synced, keys ${exact ? 'exact' : 'differ'}; of ${bad} bad files ${bad - inLog.length} named once in the log over ${passes} passes, ${bad - inStatus.length} once in the status`,
      note: wrong[0] ?? `21 kinds of bad files; seed ${seed}`,
    })
  },
}

/** Capabilities while etcd is anything but well: leaders die, tokens end, nobody listens for 45 seconds. */
import { killLeader, shortTokens } from '../tests/parts/cluster-rounds.ts'
import { outage } from '../tests/parts/outage.ts'
import type { Proofs } from './report.ts'

const seed = 2611
const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`

export const proofs: Proofs = {
  'capabilities.cluster': async (report, { long }) => {
    const count = long ? 10_000 : 1000
    for (let run = 0; run < (long ? 3 : 1); run++) {
      const { atKill, ms, differences } = await killLeader({ count, seed: seed + run })
      report({
        part: 'leader-killed',
        ok: differences.length === 0 && atKill > 0 && atKill < count * 4,
        figure: `${count} manifests, leader killed at ${atKill} of ${count * 4} keys, exact ${seconds(ms)} later, ${differences.length} differences`,
        note:
          differences[0] ??
          `three members on loopback, kill -9, regista serve; every key and byte compared; seed ${seed + run}`,
      })
    }
    for (const kind of ['jwt', 'simple'] as const) {
      const rounds = long ? 3 : 1
      const result = await shortTokens({ count, seed, rounds, seconds: long ? 10 : 2, kind })
      const { logins, ms, differences } = result
      report({
        part: `tokens-${kind}`,
        // Each round the sync, and the one who compares, must have logged in again.
        ok: differences.length === 0 && logins >= 2 * (rounds + 1),
        figure: `${count} manifests over TLS with client certificates, ${rounds} times a quarter of them changed after the token had ended, ${logins} logins, ${differences.length} differences`,
        note: differences[0] ?? `tokens of ${long ? 10 : 2} s; exact after ${ms.map(seconds).join(', ')}; seed ${seed}`,
      })
    }
  },
  'capabilities.outage': async (report, { long }) => {
    const away = long ? 45_000 : 3000
    const { first, last, saves, differences } = await outage({ away, count: 48 })
    report({
      ok: first < 2000 && differences.length === 0,
      figure: `first write ${Math.round(first)} ms after etcd served again, all ${saves} saves ${Math.round(last)} ms after, ${differences.length} differences`,
      note:
        differences[0] ??
        `killed for ${seconds(away)} under gitops-sync-registry --watch, then started on the same port and data`,
    })
  },
}

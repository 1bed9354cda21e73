/** What an informer sends to a collector that was away. */
import { collectorAway } from '../tests/parts/claims-informer.ts'
import type { Proofs } from './report.ts'

const minutes = (ms: number) => ms / 60_000

export const proofs: Proofs = {
  'claims.collector-down': async (report, { long }) => {
    const [claims, events, away, seed] = [50, long ? 1_000 : 200, 10 * 60_000, 7]
    for (const knows of ['batches', 'old'] as const) {
      const { sent, requests, after, wrong } = await collectorAway({ knows, claims, events, away, seed })
      report({
        ...(knows === 'old' && { part: 'original' }),
        ok: wrong.length === 0 && sent <= claims,
        figure: `${sent} statuses in ${requests} request${requests === 1 ? '' : 's'} after ${events} events on ${claims} claims in ${minutes(away)} minutes, all right ${(after / 1000).toFixed(1)} s after its return`,
        note: wrong[0] ?? `seed ${seed}; on a clock that is moved by hand`,
      })
    }
  },
}

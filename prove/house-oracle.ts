/** Random worlds before the oracle: nothing may be deleted that truth still holds, and everything ends as truth says. */
import { search } from '../tests/faults/engine-worlds.ts'
import type { Proofs } from './report.ts'

const seed = 26_112_026
/** Histories between two lines of progress. */
const batch = 2_500

export const proofs: Proofs = {
  'house.oracle': async (report, { long }) => {
    const histories = long ? 100_000 : 5_000
    let done = 0
    let failure: string | null = null
    for (let from = 0; from < histories && failure === null; from += batch) {
      const found = await search({ runs: batch, seed: seed + from })
      done += found.runs
      failure = found.failure
      process.stderr.write(`  ${done} of ${histories} histories\n`)
    }
    const figure = failure === null ? `0 false deletions and 0 bad ends in ${done} histories` : 'a history ended badly'
    report({ ok: failure === null, figure, note: failure ?? `seeds from ${seed}, one for each ${batch}` })
  },
}

/** Random worlds before the oracle: nothing may be deleted that truth still holds, and everything ends as truth says. */
import { search } from '../tests/faults/engine-worlds.ts'
import type { Proofs } from './report.ts'

const seed = 26_112_026
/** Histories between two lines of progress. */
const batch = 2_500

export const proofs: Proofs = {
  'house.oracle': async (report, { long }) => {
    const histories = long ? 100_000 : 5_000
    const total = { done: 0, others: 0, firstOther: null as string | null, failure: null as string | null }
    for (let from = 0; from < histories && total.failure === null; from += batch) {
      const found = await search({ runs: batch, seed: seed + from, charges: ['false-deletion', 'foreign-deletion'] })
      total.done += found.runs
      total.others += found.others
      total.firstOther ??= found.firstOther
      total.failure = found.failure
      process.stderr.write(`  ${total.done} of ${histories} histories\n`)
    }
    const { done, others, failure } = total
    const note = `seeds from ${seed}, one for each ${batch}`
    report({
      part: 'deletions',
      ok: failure === null,
      figure: `${failure === null ? 0 : 1} false deletions in ${done} histories`,
      note: failure ?? note,
    })
    report({
      part: 'ends',
      ok: others === 0,
      figure: `${others} other bad ends in ${done} histories`,
      note: total.firstOther ?? note,
    })
  },
}

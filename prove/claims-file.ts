/** Registry files of every shape, edited. */
import { fuzzRegistryFiles } from '../tests/parts/claims-fuzz.ts'
import type { Proofs } from './report.ts'

const seed = 5

export const proofs: Proofs = {
  'claims.fuzz'(report, { long }) {
    const { files, edited, changes, notRead, refused, unjudged, wrong } = fuzzRegistryFiles({
      count: long ? 100_000 : 10_000,
      seed,
    })
    report({
      // A refusal is allowed, and would be no feat if it were the rule.
      ok: wrong.length === 0 && edited > files / 2 && refused < files / 100,
      figure: `${wrong.length} of ${files} files changed beyond what was meant; ${changes} changes in ${edited} files, ${notRead} files and ${refused} edits refused`,
      note:
        wrong[0]?.slice(0, 2000) ??
        `seed ${seed}; a seventh of the files damaged, ${unjudged} of them unreadable to the judge`,
    })
    return Promise.resolve()
  },
}

/** The list of acceptance: its tests, all of them. */
import { runNamed } from '../tests/parts/named-tests.ts'
import type { Proofs } from './report.ts'

export const proofs: Proofs = {
  'images.acceptance': async (report) => {
    const { passed, failed } = await runNamed({ registry: 'images', promise: /\bacceptance \d+\b/ })
    report({
      ok: passed > 0 && failed.length === 0,
      figure: failed.length === 0 ? `${passed} tests of the 14 items pass` : `failed: ${failed.join('; ')}`,
    })
  },
}

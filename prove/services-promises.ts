/** The original's defects and the registry's invariants: their tests, all of them. */
import { runNamed } from '../tests/parts/named-tests.ts'
import type { Proofs } from './report.ts'

export const proofs: Proofs = {
  'services.promises': async (report) => {
    const { passed, failed } = await runNamed({ registry: 'services', promise: /\b(?:defect \d+|I\d+)\b/ })
    report({
      ok: passed > 0 && failed.length === 0,
      figure: failed.length === 0 ? `${passed} tests of defects and invariants pass` : `failed: ${failed.join('; ')}`,
    })
  },
}

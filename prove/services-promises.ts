/** The original's defects and the registry's invariants: their tests, all of them. */
import { run } from 'node:test'
import { titledTests } from '../tests/parts/services-promises.ts'
import type { Proofs } from './report.ts'

export const proofs: Proofs = {
  'services.promises': async (report) => {
    const files = [...titledTests().keys()]
    const results = { passed: 0, failed: [] as string[] }
    const stream = run({ files, testNamePatterns: [/\b(?:defect \d+|I\d+)\b/] })
    for await (const { type, data } of stream) {
      // A file is told of as a test, too.
      if (!('name' in data) || !/\b(?:defect \d+|I\d+)\b/.test(data.name)) continue
      if (type === 'test:pass' && data.skip === undefined) results.passed += 1
      if (type === 'test:fail') results.failed.push(data.name)
    }
    const { passed, failed } = results
    report({
      ok: passed > 0 && failed.length === 0,
      figure: failed.length === 0 ? `${passed} tests of defects and invariants pass` : `failed: ${failed.join('; ')}`,
    })
  },
}

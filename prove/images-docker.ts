/** The docker deployer: killed after each call to an engine, and all of its suite on Podman and runc. */
import { run } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Proofs } from './report.ts'

const file = fileURLToPath(new URL('../tests/parts/docker-deploys.ts', import.meta.url))

export const proofs: Proofs = {
  'images.docker': async (report) => {
    const failed: string[] = []
    const count = { passed: 0, skipped: 0 }
    for await (const { type, data } of run({ files: [file] })) {
      if (!('name' in data) || !('details' in data) || data.details.type === 'suite' || data.name === file) continue
      if (type === 'test:fail') failed.push(data.name)
      if (type !== 'test:pass') continue
      if (data.skip === undefined) count.passed += 1
      else count.skipped += 1
    }
    report({
      ok: failed.length === 0 && count.passed > 0 && count.skipped === 0,
      figure:
        failed.length === 0 ? `${count.passed} tests pass, ${count.skipped} skipped` : `failed: ${failed.join('; ')}`,
      note: 'dead, fenced, aborted, overtaken after each call; deploys, failures and rollbacks on Podman',
    })
  },
}

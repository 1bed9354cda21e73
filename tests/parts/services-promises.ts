/** Tests that are named after a defect of the original ("defect 4: …") or an invariant ("I2: …"). */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../', import.meta.url))

const title = /\b(?:test|it)\(\s*(?:'((?:[^'\\]|\\.)*)'|"([^"]*)"|`([^`]*)`)/g
const promise = /\b(?:defect \d+|I\d+)\b/

/** File → titles of such tests in it. */
export function titledTests(): ReadonlyMap<string, readonly string[]> {
  const files = globSync(
    ['src/registries/services/**/*.test.ts', 'tests/services*.test.ts', 'tests/faults/services*.test.ts'],
    {
      cwd: root,
    },
  )
  const found = new Map<string, string[]>()
  for (const file of files.map((path) => join(root, path)).toSorted()) {
    const titles = [...readFileSync(file, 'utf8').matchAll(title)].map(([, a, b, c]) => a ?? b ?? c ?? '')
    const promised = titles.filter((one) => promise.test(one))
    if (promised.length > 0) found.set(file, promised)
  }
  return found
}

/** Tests that are named after what an issue promised: "defect 4: …", "I2: …", "acceptance 7: …". */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from 'node:test'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** Titles of tests, suites, and of cases that a suite for several grounds declares. */
const title = /\b(?:test|it|describe|on|both)\(\s*(?:'((?:[^'\\]|\\.)*)'|"([^"]*)"|`([^`]*)`)/g

export interface Named {
  /** Of the registry whose tests these are. */
  readonly registry: string
  readonly promise: RegExp
}

/** File → titles of such tests in it. A suite in `testing/` counts for the tests beside that run it. */
export function titledTests({ registry, promise }: Named): ReadonlyMap<string, readonly string[]> {
  const places = [`src/registries/${registry}/**/*.test.ts`, `tests/{,faults/}${registry}*.test.ts`]
  const suites = [`src/registries/${registry}/**/testing/*-suite.ts`]
  const found = new Map<string, string[]>()
  for (const file of globSync([...places, ...suites], { cwd: root }).toSorted()) {
    const titles = [...readFileSync(join(root, file), 'utf8').matchAll(title)].map(([, a, b, c]) => a ?? b ?? c ?? '')
    const promised = titles.filter((one) => promise.test(one))
    if (promised.length > 0) found.set(join(root, file), promised)
  }
  return found
}

/** The numbers that follow the word in titles: of "acceptance 6 and 7: …" both. */
export function numbersIn(titles: Iterable<readonly string[]>, word: string): ReadonlySet<number> {
  const numbered = new RegExp(`\\b${word}(\\d+(?: and \\d+)*)\\b`, 'g')
  const found = [...titles].flat().flatMap((one) => [...one.matchAll(numbered)].map(([, numbers]) => numbers!))
  return new Set(found.flatMap((numbers) => numbers.split(' and ').map(Number)))
}

/** Runs all of them. */
export async function runNamed(named: Named): Promise<{ readonly passed: number; readonly failed: readonly string[] }> {
  const { promise, registry } = named
  const files = [...titledTests(named).keys()].filter((file) => file.endsWith('.test.ts'))
  // What runs a suite has no such titles of its own.
  const beside = globSync(`src/registries/${registry}/**/*.test.ts`, { cwd: root }).map((file) => join(root, file))
  const running = beside.filter((file) => /testing\/[\w-]+-suite\.ts'/.test(readFileSync(file, 'utf8')))
  let passed = 0
  const failed: string[] = []
  const stream = run({ files: [...new Set([...files, ...running])], testNamePatterns: [promise] })
  for await (const { type, data } of stream) {
    // A file is told of as a test, too.
    if (!('name' in data) || !promise.test(data.name)) continue
    if (type === 'test:pass' && data.skip === undefined) passed += 1
    if (type === 'test:fail') failed.push(data.name)
  }
  return { passed, failed }
}

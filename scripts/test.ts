/**
 * `npm test`: everything that must hold before a change goes in, the quick checks first. It stops at
 * the first stage that fails. `npm run check` (--static) leaves the tests themselves out, and
 * `npm test -- FILE…` runs these test files alone.
 *
 * The last stage is node's test runner, and nothing is printed after its summary.
 */
import { spawn } from 'node:child_process'
import { availableParallelism, constants } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { provideParts } from './debian.ts'

const root = dirname(import.meta.dirname)

interface Stage {
  readonly name: string
  readonly command: readonly [string, ...string[]]
}

const checks: readonly Stage[] = [
  { name: 'types', command: ['tsc', '-p', '.'] },
  { name: 'lint', command: ['oxlint'] },
  { name: 'format', command: ['oxfmt', '--check'] },
  { name: 'dead code', command: ['knip'] },
  { name: 'architecture', command: ['node', '--test', '--test-reporter=dot', 'tests/architecture.test.ts'] },
]

/** Two files at a time at least: many wait for a server they started rather than compute. */
const tests = (files: readonly string[]): Stage => ({
  name: 'tests',
  command: [
    'node',
    '--test',
    '--test-reporter=spec',
    `--test-concurrency=${Math.max(2, availableParallelism())}`,
    '--test-timeout=300000',
    ...files,
  ],
})

export async function main(args: readonly string[]): Promise<number> {
  const files = args.filter((arg) => !arg.startsWith('-'))
  if (files.length > 0) return run(tests(files))
  const onlyStatic = args.includes('--static')
  if (!onlyStatic) provideParts()
  for (const stage of checks) {
    const code = await check(stage)
    if (code !== 0) return code
  }
  if (onlyStatic) return 0
  process.stdout.write('▸ tests (some of them: npm test -- FILE …)\n')
  return run(tests(['{src,tests}/**/*.test.ts']))
}

async function check(stage: Stage): Promise<number> {
  process.stdout.write(`▸ ${stage.name}\n`)
  const began = performance.now()
  const code = await run(stage)
  const took = `${((performance.now() - began) / 1000).toFixed(1)} s`
  const next = stage.name === 'format' ? 'put right with: npm run format' : 'these checks alone: npm run check'
  process.stdout.write(code === 0 ? `✓ ${stage.name} ${took}\n` : `✗ ${stage.name} failed after ${took}; ${next}\n`)
  return code
}

/** Exit code of the stage; 128 + its number when a signal ended it. */
function run({ command: [program, ...args] }: Stage): Promise<number> {
  const path = [dirname(process.execPath), join(root, 'node_modules/.bin'), process.env['PATH']].join(delimiter)
  const child = spawn(program, args, { cwd: root, stdio: 'inherit', env: { ...process.env, PATH: path } })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal ?? 'SIGTERM']))
  })
}

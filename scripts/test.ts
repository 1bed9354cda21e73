/**
 * `npm test`: everything that must hold before a change goes in, the quick checks first. It stops at
 * the first stage that fails. `npm run check` (--static) leaves the tests themselves out.
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
const tests: Stage = {
  name: 'tests',
  command: [
    'node',
    '--test',
    '--test-reporter=spec',
    `--test-concurrency=${Math.max(2, availableParallelism())}`,
    '--test-timeout=300000',
    '{src,tests}/**/*.test.ts',
  ],
}

export async function main(args: readonly string[]): Promise<number> {
  const onlyStatic = args.includes('--static')
  if (!onlyStatic) provideParts()
  for (const stage of checks) {
    const began = performance.now()
    process.stdout.write(`▸ ${stage.name}\n`)
    const code = await run(stage)
    const took = `${((performance.now() - began) / 1000).toFixed(1)} s`
    if (code !== 0) {
      const again = stage.name === 'format' ? 'put right with: npm run format' : `again: npx ${stage.command.join(' ')}`
      process.stdout.write(`✗ ${stage.name} failed after ${took}; ${again}\n`)
      return code
    }
    process.stdout.write(`✓ ${stage.name} ${took}\n`)
  }
  if (onlyStatic) return 0
  process.stdout.write(`▸ tests; one file again: npx node --test FILE\n`)
  return run(tests)
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

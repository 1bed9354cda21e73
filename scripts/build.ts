/** `npm run build`: dist/ for the published package; Node strips no types under node_modules. */
import { spawnSync } from 'node:child_process'
import { cpSync, globSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

const root = dirname(import.meta.dirname)
const dist = join(root, 'dist')

export function main(): Promise<number> {
  return Promise.resolve(build())
}

export function build(): number {
  rmSync(dist, { recursive: true, force: true })
  const compiler = join(root, 'node_modules/typescript/bin/tsc')
  const { status } = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.build.json'], {
    cwd: root,
    stdio: 'inherit',
  })
  if (status !== 0) return status ?? 1
  for (const file of globSync('src/**/*.sql', { cwd: root }))
    cpSync(join(root, file), join(dist, relative('src', file)))
  writeFileSync(join(dist, 'build.json'), `${JSON.stringify(stamp())}\n`)
  return 0
}

/** What commands and the API say they were built from; without Git, that is left out. */
function stamp(): { commit?: string; builtAt: string } {
  const { status, stdout } = spawnSync('git', ['rev-parse', 'HEAD'], { cwd: root, encoding: 'utf8' })
  const commit = status === 0 ? stdout.trim() : process.env['SOURCE_COMMIT']
  const epoch = process.env['SOURCE_DATE_EPOCH']
  const at = epoch === undefined ? new Date() : new Date(Number(epoch) * 1000)
  return { ...(commit && { commit }), builtAt: at.toISOString().replace(/\.\d+/, '') }
}

/** `npm run build`: dist/ for the published package; Node strips no types under node_modules. */
import { spawnSync } from 'node:child_process'
import { cpSync, globSync, rmSync } from 'node:fs'
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
  return 0
}

/** A copy of examples/claims, with the repository that its guide has made. */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { command } from './commands.ts'

const root = join(import.meta.dirname, '../..')

export interface ClaimsExample extends Disposable {
  readonly folder: string
  path(...parts: readonly string[]): string
  /** What a command prints; its exit code must be `code`. */
  run(line: string, code?: number): Promise<string>
  /** In the bare repository. */
  git(...args: readonly string[]): string
}

/** The first `sh` block of the guide makes the repository. */
export function madeBy(guide: string): string {
  const [, setUp] = /^```sh\n([^]*?)^```$/m.exec(readFileSync(join(root, guide), 'utf8')) ?? []
  if (setUp === undefined) throw new Error(`${guide} has no block of commands`)
  return setUp
}

export function claimsExample({ made = true } = {}): ClaimsExample {
  const folder = mkdtempSync(join(tmpdir(), 'regista-claims-'))
  cpSync(join(root, 'examples/claims'), folder, { recursive: true })
  const path = (...parts: readonly string[]) => join(folder, ...parts)
  if (made) shell(folder, madeBy('docs/claims.md'))
  return {
    folder,
    path,
    async run(line, code = 0) {
      const ran = await command([...line.split(' '), '-c', path('regista.yaml')])
      if (ran.code !== code) throw new Error(`${line}: exit code ${ran.code}\n${ran.stdout}${ran.stderr}`)
      return ran.stdout
    },
    git: (...args) => execFileSync('git', ['--git-dir', path('registry.git'), ...args], { encoding: 'utf8' }),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** As somebody types it who has never told git a name. */
export function shell(folder: string, script: string, env: Readonly<Record<string, string>> = {}): string {
  const clean = { PATH: process.env['PATH'] ?? '', HOME: folder, GIT_CONFIG_NOSYSTEM: '1', ...env }
  return execFileSync('sh', ['-ec', script], {
    cwd: folder,
    env: clean,
    encoding: 'utf8',
    stdio: 'pipe',
    timeout: 60_000,
  })
}

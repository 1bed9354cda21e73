/** The README's two commands as a new machine runs them: a clean clone of HEAD, an empty HOME, an empty npm cache. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Proofs, Report } from './report.ts'

const root = dirname(import.meta.dirname)
/** Not the pinned Node: the one that the machine has. */
const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
const bound = 15 * 60_000

export const proofs: Proofs = {
  'house.fresh-clone': async (report, { long }) => {
    const scratch = mkdtempSync(join(tmpdir(), 'regista-clone-'))
    const clone = join(scratch, 'clone')
    try {
      execFileSync('git', ['clone', '--quiet', root, clone])
      const shell = shellIn(clone, scratch)
      await proveStart(shell, clone, report)
      if (long) await proveTest(shell, report)
    } finally {
      rmSync(scratch, { recursive: true, force: true, maxRetries: 5 })
    }
  },
}

type Shell = (command: string) => { readonly child: ChildProcess; readonly said: () => string }

function shellIn(cwd: string, home: string): Shell {
  const env = { PATH: path, HOME: home, TERM: 'dumb', npm_config_cache: join(home, 'npm') }
  return (command) => {
    const child = spawn('bash', ['-c', command], { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
    let text = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (part: Buffer) => (text += part.toString()))
    return { child, said: () => text }
  }
}

async function proveStart(shell: Shell, clone: string, report: Report): Promise<void> {
  const began = performance.now()
  const { child, said } = shell('npm ci && npm start -- --listen 127.0.0.1:0')
  const ended = once(child, 'close') as Promise<[number | null]>
  try {
    const url = await listening(child, said)
    const answers = (await fetch(`${url}/livez`)).ok
    const disk = execFileSync('du', ['-sm', clone], { encoding: 'utf8' }).split('\t')[0]
    report({ part: 'start', ok: answers, figure: `answers after ${seconds(began)} s, ${disk} MB on disk` })

    const asked = performance.now()
    process.kill(-child.pid!, 'SIGINT')
    const code = await Promise.race([ended.then(([code]) => code), never(10_000, 'it did not end within 10 s')])
    report({ part: 'ctrl-c', ok: code === 0, figure: `exit code ${code} after ${seconds(asked)} s` })
    const changed = execFileSync('git', ['status', '--porcelain'], { cwd: clone, encoding: 'utf8' })
    report({ part: 'tree', ok: changed === '', figure: changed === '' ? 'unchanged' : changed })
  } finally {
    end(child)
  }
}

async function proveTest(shell: Shell, report: Report): Promise<void> {
  const began = performance.now()
  const { child, said } = shell('export CI=true; npm ci && npm test')
  try {
    const [code] = (await Promise.race([once(child, 'close'), never(bound, 'npm test did not end')])) as [number | null]
    const count = (name: string) => Number(new RegExp(`^ℹ ${name} (\\d+)$`, 'm').exec(said())?.[1])
    const figure = `${count('pass')} of ${count('tests')} tests passed, ${count('skipped')} skipped, ${seconds(began)} s`
    if (code !== 0) process.stderr.write(said().slice(-5000))
    report({ part: 'test', ok: code === 0 && count('pass') > 0, figure })
  } finally {
    end(child)
  }
}

async function listening(child: ChildProcess, said: () => string): Promise<string> {
  const until = performance.now() + bound
  while (performance.now() < until && child.exitCode === null) {
    const url = /Regista listens on (http:\S+)/.exec(said())?.[1]
    if (url !== undefined) return url
    await new Promise((wake) => setTimeout(wake, 100))
  }
  throw new Error(`npm start did not come up:\n${said().slice(-3000)}`)
}

function never(ms: number, why: string): Promise<never> {
  return new Promise((_, reject) => setTimeout(() => reject(new Error(why)), ms).unref())
}

/** The whole group: npm, its shell, and what they started. */
function end(child: ChildProcess): void {
  try {
    process.kill(-child.pid!, 'SIGKILL')
  } catch {
    // gone already
  }
}

function seconds(since: number): string {
  return ((performance.now() - since) / 1000).toFixed(0)
}

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { systemClock } from '../../../kernel/clock.ts'
import type { AppError } from '../../../kernel/errors.ts'
import { commandDeployer } from './command-config.ts'
import { createCommandDeployer } from './command.ts'
import type { Deployer, DeployResult, DeployTools } from './deployer.ts'
import { digestFor, releaseFor, requestFor, stageFor } from './testing/releases.ts'

const { signal } = new AbortController()
const stage = stageFor()
const request = requestFor(stage, '1.2')

interface Ground {
  readonly folder: string
  readonly said: string[]
  open(settings: object, env?: Record<string, string>): Deployer
  run(settings: object, more?: { env?: Record<string, string>; request?: typeof request }): Promise<DeployResult>
  tools: DeployTools
}

function ground(t: TestContext): Ground {
  const folder = mkdtempSync(join(tmpdir(), 'regista-command-'))
  const opened: Deployer[] = []
  const said: string[] = []
  const tools: DeployTools = { handle: null, say: (step) => void said.push(step), fence: () => {} }
  t.after(async () => {
    await Promise.all(opened.map((one) => one.close()))
    rmSync(folder, { recursive: true })
  })
  const open = (settings: object, env: Record<string, string> = { PATH: process.env['PATH']! }) => {
    const parsed = commandDeployer.parse({ kill_after: '1s', ...settings })
    const made = createCommandDeployer('run', parsed, { clock: systemClock, base: folder, env })
    opened.push(made)
    return made
  }
  return {
    folder,
    said,
    tools,
    open,
    run: (settings, more = {}) => open(settings, more.env).deploy(more.request ?? request, tools, signal),
  }
}

const sh = (script: string) => ({ command: ['/bin/sh', '-c', script] })

async function until(what: string, found: () => boolean): Promise<void> {
  const end = performance.now() + 20_000
  while (!found()) {
    if (performance.now() > end) throw new Error(`not in 20 s: ${what}`)
    await sleep(10)
  }
}

/** A zombie that nobody has waited for yet is no process any more. */
function lives(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

function failed(result: DeployResult): { readonly error: AppError; readonly effect: string } {
  assert.ok(result.is === 'failed', JSON.stringify(result))
  return result
}

test('is told which version in variables, and its output is kept', async (t) => {
  const { run, folder } = ground(t)
  const was = { revision: digestFor('1.1'), tag: '1.1' }
  const script = 'env | grep ^DEPLOY_ | sort; pwd; echo "to stderr" >&2'
  const result = await run(sh(script), { request: requestFor(stage, '1.2', { was }) })
  assert.ok(result.is === 'deployed', JSON.stringify(result))
  const lines = new Set(result.detail?.split('\n'))
  assert.deepEqual(
    lines,
    new Set([
      `DEPLOY_DIGEST=${digestFor('1.2')}`,
      `DEPLOY_ID=${request.effectId}`,
      `DEPLOY_IMAGE=registry.example.io/team/shop@${digestFor('1.2')}`,
      `DEPLOY_PREVIOUS_DIGEST=${was.revision}`,
      'DEPLOY_PREVIOUS_TAG=1.1',
      'DEPLOY_PROJECT=shop',
      'DEPLOY_STAGE=prod',
      'DEPLOY_TAG=1.2',
      folder,
      'to stderr',
    ]),
  )
})

test('an exit code is an answer; what could not be started, or was cut off, says so', async (t) => {
  const { run, folder } = ground(t)
  const refused = await run(sh('echo no such stage >&2; exit 3'))
  assert.deepEqual(refused, { is: 'refused', why: 'sh ended with exit code 3\nno such stage', until: 'item' })
  for (const settings of [{ command: ['no-such-program'] }, { ...sh(''), cwd: 'nowhere' }, { command: [folder] }]) {
    const { error, effect } = failed(await run(settings))
    assert.deepEqual([error.code, effect], ['target.refused', 'none'], error.message)
  }
  const killed = failed(await run(sh('echo half; kill -9 $$')))
  assert.deepEqual([killed.error.code, killed.effect], ['target.unavailable', 'unknown'])
  assert.match(killed.error.detail, /ended by SIGKILL; see whether it has done its work\nhalf/)
})

test('one that takes too long is ended with all that it started, also where it does not want to', async (t) => {
  const { run, folder } = ground(t)
  const script = 'trap "" TERM; sleep 100 & echo $! > child; echo $$ > self; while :; do sleep 0.05; done'
  const { error, effect } = failed(await run({ ...sh(script), timeout: '1s', kill_after: '100ms' }))
  assert.deepEqual([error.code, effect], ['timed-out', 'unknown'])
  for (const file of ['child', 'self']) assert.equal(lives(Number(readFileSync(join(folder, file), 'utf8'))), false)
  const tidy = await run({ ...sh('trap "echo tidied; exit 0" TERM; while :; do sleep 0.05; done'), timeout: '1s' })
  assert.ok(tidy.is === 'deployed' && tidy.detail?.endsWith('tidied'), JSON.stringify(tidy))
})

test('what it leaves running in its group does not outlive it, nor keeps it from its end', async (t) => {
  const { run, folder } = ground(t)
  assert.equal((await run(sh('sleep 100 & echo $! > child'))).is, 'deployed')
  const pid = Number(readFileSync(join(folder, 'child'), 'utf8'))
  await until('it ends', () => !lives(pid))
})

test('aborting does not cut it off; closing does, and none is left', async (t) => {
  const { open, folder, tools } = ground(t)
  const deployer = open(sh('echo $$ > self; until test -e go; do sleep 0.02; done; echo done'))
  const abort = new AbortController()
  const first = deployer.deploy(request, tools, abort.signal)
  await until('it runs', () => existsSync(join(folder, 'self')))
  abort.abort()
  const next = deployer.deploy(requestFor(stage, '1.3'), tools, signal)
  const pid = Number(readFileSync(join(folder, 'self'), 'utf8'))
  rmSync(join(folder, 'self'))
  await sleep(100)
  // The next one waits for the one that still runs.
  assert.deepEqual([lives(pid), existsSync(join(folder, 'self'))], [true, false])
  writeFileSync(join(folder, 'go'), '')
  assert.ok((await first).is === 'deployed')
  assert.equal((await next).is, 'deployed')
  rmSync(join(folder, 'go'))
  rmSync(join(folder, 'self'))
  const last = deployer.deploy(request, tools, signal)
  await until('it runs', () => existsSync(join(folder, 'self')))
  const running = Number(readFileSync(join(folder, 'self'), 'utf8'))
  await deployer.close()
  assert.equal(lives(running), false)
  const { error, effect } = failed(await last)
  assert.deepEqual([error.code, effect], ['aborted', 'unknown'])
  assert.equal(failed(await deployer.deploy(request, tools, signal)).effect, 'none')
})

test('kill -9 of its parent ends it', async (t) => {
  const { folder } = ground(t)
  const parent = spawn(
    process.execPath,
    [fileURLToPath(new URL('testing/command-parent.ts', import.meta.url)), folder],
    {
      stdio: ['ignore', 'inherit', 'inherit'],
    },
  )
  await until('it runs', () => existsSync(join(folder, 'ready')))
  const pids = ['self', 'child'].map((file) => Number(readFileSync(join(folder, file), 'utf8')))
  const ended = once(parent, 'exit')
  parent.kill('SIGKILL')
  await ended
  await until('they end', () => !pids.some(lives))
})

test('nothing in an argument or a variable is read by a shell', async (t) => {
  const { open, folder, tools } = ground(t)
  const file = join(folder, 'got.json')
  const script = `require('node:fs').writeFileSync(${JSON.stringify(file)}, JSON.stringify([process.argv.slice(1), process.env]))`
  const hostile = fc.constantFrom(
    '$(touch x)',
    '`touch x`',
    '; touch x',
    '\n',
    '*',
    '~',
    '"',
    "'",
    '\\',
    '&& x',
    '|',
    '-e',
  )
  const piece = fc.oneof(hostile, fc.string({ unit: 'binary' }))
  const text = fc.array(piece, { maxLength: 4 }).map((parts) => parts.join('').replaceAll('\0', '').toWellFormed())
  await fc.assert(
    fc.asyncProperty(fc.array(text, { maxLength: 4 }), text, text, async (args, value, tag) => {
      const command = [process.execPath, '-e', script, '--', ...args]
      const deployer = open({ command, env: { GIVEN: value || 'x' }, pass_env: ['KEPT'] }, { KEPT: value, OTHER: '1' })
      const release = releaseFor(stage, tag, { project: tag })
      const result = await deployer.deploy(requestFor(stage, tag, { release }), tools, signal)
      assert.equal(result.is, 'deployed', JSON.stringify(result))
      const [argv, env] = JSON.parse(readFileSync(file, 'utf8')) as [string[], Record<string, string>]
      assert.deepEqual(argv, args)
      assert.deepEqual([env['GIVEN'], env['KEPT'], env['DEPLOY_TAG']], [value || 'x', value, tag])
      const others = Object.keys(env).filter((name) => !name.startsWith('DEPLOY_') && !['GIVEN', 'KEPT'].includes(name))
      assert.deepEqual(others, [])
    }),
    { numRuns: 25 },
  )
})

test('shows its last line while it runs, and never a secret', async (t) => {
  const { run, said, folder } = ground(t)
  const script = 'echo "token is $TOKEN"; sleep 1.1; echo "now $TOKEN"; sleep 0.05; echo "home $HOME"'
  const env = { PATH: process.env['PATH']!, HOME: folder, DEPLOY_TOKEN_X: 'unused', PASSED: 'passed-secret' }
  const settings = {
    ...sh(`${script}; echo $PASSED`),
    env: { TOKEN: 's3cr3t-value' },
    pass_env: ['HOME', 'PATH', 'PASSED'],
  }
  const result = await run(settings, { env })
  assert.ok(result.is === 'deployed')
  assert.equal(result.detail, `token is [TOKEN]\nnow [TOKEN]\nhome ${folder}\n[PASSED]`)
  assert.ok(
    said.some((step) => step === 'now [TOKEN]'),
    said.join('|'),
  )
})

test('refuses what could never run', () => {
  const faults = (given: object) =>
    (commandDeployer.safeParse(given).error?.issues ?? []).map(({ path, message }) => [
      path.join('.'),
      message.split('\n')[0],
    ])
  assert.deepEqual(faults({ command: ['a', ''] }), [])
  assert.deepEqual(faults({ command: [''] }), [['command', 'names no program']])
  assert.deepEqual(faults({ command: ['a', 'b\0'] }), [['command', 'holds a zero byte']])
  assert.equal(faults({ command: [] }).length > 0, true)
  assert.equal(faults({ command: 'a b' }).length, 1)
  assert.match(String(faults({ command: ['a'], env: { DEPLOY_TAG: 'x' } })[0]?.[0]), /env/)
})

/**
 * bin/launch.js as the world sees it. Without an older Node on the machine, one is feigned: the
 * launching process believes that it is Node 20, its child does not.
 */
import assert from 'node:assert/strict'
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import { after, suite, test } from 'node:test'
import { pathToFileURL } from 'node:url'

const root = resolve(import.meta.dirname, '..')
const scratch = mkdtempSync(join(tmpdir(), 'regista-launcher-'))
const started = new Set<ChildProcess>()
after(() => {
  for (const process of started) process.kill('SIGKILL')
  rmSync(scratch, { recursive: true, force: true })
})

const feignNode20 =
  'data:text/javascript,if(!process.env.REGISTA_LAUNCHED_BY)' +
  'Object.defineProperty(process,"versions",{value:{...process.versions,node:"20.0.0"}})'

function findOlderNode(): string | null {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter).concat('/usr/bin')) {
    const node = join(folder, 'node')
    const major = existsSync(node)
      ? Number(spawnSync(node, ['-p', 'process.versions.node'], { encoding: 'utf8' }).stdout.split('.')[0])
      : 0
    if (major >= 18 && major < 24) return node
  }
  return null
}

const olderNode = findOlderNode()
const launchers: Record<string, readonly [string, ...string[]]> = {
  'this Node': [process.execPath],
  ...(olderNode === null
    ? { 'a feigned older Node': [process.execPath, '--import', feignNode20] }
    : { 'an older Node': [olderNode] }),
}

let programs = 0
/**
 * Writes a program with this body of `main(args)` and the launcher for it; the launcher's path. Where
 * the promise is broken, the program still ends, with a code of its own.
 */
function programWith(body: string): string {
  const folder = join(scratch, `program-${(programs += 1)}`)
  mkdirSync(folder)
  const program = join(folder, 'program.ts')
  const bound = 'setTimeout(() => process.exit(99), 25_000).unref()'
  writeFileSync(program, `${bound}\nexport async function main(args: string[]): Promise<number> {\n${body}\n}\n`)
  const launcher = join(folder, 'launcher.mjs')
  const launch = pathToFileURL(join(root, 'bin/launch.js')).href
  writeFileSync(launcher, `import { run } from '${launch}'\nawait run('${program}')\n`)
  return launcher
}

interface Started {
  readonly process: ChildProcess
  /** Resolves once the program has printed this; what it printed until then. */
  printed(text: string): Promise<string>
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null; out: string; err: string }>
}

function start([node, ...flags]: readonly [string, ...string[]], ...args: readonly string[]): Started {
  const child = spawn(node, [...flags, ...args], { stdio: 'pipe' })
  started.add(child)
  const seen = { out: '', err: '' }
  child.stdout.on('data', (part: Buffer) => (seen.out += part.toString()))
  child.stderr.on('data', (part: Buffer) => (seen.err += part.toString()))
  return {
    process: child,
    async printed(text) {
      while (!seen.out.includes(text)) await once(child.stdout, 'data', { signal: AbortSignal.timeout(20_000) })
      return seen.out
    },
    ended: once(child, 'close').then(([code, signal]) => {
      started.delete(child)
      return { code: code as number | null, signal: signal as NodeJS.Signals | null, ...seen }
    }),
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

async function gone(pid: number, within: number): Promise<boolean> {
  const until = performance.now() + within
  while (isAlive(pid) && performance.now() < until) await new Promise((wake) => setTimeout(wake, 20))
  return !isAlive(pid)
}

const waitForSignals = `
  const seen = Promise.withResolvers<number>()
  const codes = { SIGINT: 40, SIGTERM: 41, SIGHUP: 42, SIGQUIT: 43, SIGUSR2: 44 } as const
  for (const [name, code] of Object.entries(codes)) process.on(name, () => seen.resolve(code))
  const alive = setInterval(() => {}, 1000)
  console.log('ready ' + process.pid + '.')
  const code = await seen.promise
  clearInterval(alive)
  console.log('recorded')
  return code`

for (const [name, node] of Object.entries(launchers)) {
  suite(`started by ${name}`, { concurrency: 4 }, () => {
    test('runs on Node 24.11 or newer, with its arguments, its streams and its exit code', async () => {
      const launcher = programWith(`
        let said = ''
        for await (const part of process.stdin) said += part
        console.log(JSON.stringify({ args, said, node: process.versions.node, env: 'REGISTA_LAUNCHED_BY' in process.env }))
        console.error('to stderr')
        return 7`)
      const { process: child, ended } = start(node, launcher, 'one', '--two', 'th ree')
      child.stdin?.end('hello')
      const { code, out, err } = await ended
      assert.equal(code, 7)
      assert.equal(err, 'to stderr\n')
      const seen = JSON.parse(out) as { args: string[]; said: string; node: string; env: boolean }
      assert.deepEqual({ ...seen, node: '' }, { args: ['one', '--two', 'th ree'], said: 'hello', node: '', env: false })
      assert.ok(Number(seen.node.split('.')[0]) >= 24, seen.node)
    })

    for (const [signal, code] of [
      ['SIGINT', 40],
      ['SIGTERM', 41],
      ['SIGHUP', 42],
      ['SIGQUIT', 43],
      ['SIGUSR2', 44],
    ] as const) {
      test(`${signal} reaches the program, which ends in its own way`, async () => {
        const { process: child, printed, ended } = start(node, programWith(waitForSignals))
        await printed('ready')
        child.kill(signal)
        const end = await ended
        assert.deepEqual([end.code, end.signal], [code, null])
        assert.match(end.out, /recorded/)
      })
    }

    test('a program that dies by a signal makes its launcher die by it', async () => {
      for (const signal of ['SIGTERM', 'SIGKILL', 'SIGHUP'] as const) {
        const { ended } = start(
          node,
          programWith(
            `process.kill(process.pid, '${signal}'); return await new Promise(() => setInterval(() => {}, 1000))`,
          ),
        )
        assert.equal((await ended).signal, signal)
      }
    })

    test('a thrown error is shown and is exit code 1', async () => {
      const { code, err } = await start(node, programWith(`throw new Error('broken on purpose')`)).ended
      assert.equal(code, 1)
      assert.match(err, /broken on purpose/)
    })

    test('kill -9 of the launcher leaves no orphan: the program is asked to stop, and stops', async () => {
      const launched = start(node, programWith(waitForSignals))
      const pid = Number(/ready (\d+)\./.exec(await launched.printed('.\n'))?.[1])
      launched.process.kill('SIGKILL')
      assert.ok(await gone(pid, 5000), `${pid} still runs`)
      // The program's end of the pipe closed after it had recorded.
      if (node !== launchers['this Node']) assert.match((await launched.ended).out, /recorded/)
    })

    test('kill -9 of the launcher of a program that does not listen: it is ended', async () => {
      const launched = start(
        node,
        programWith(`
          process.on('SIGTERM', () => {})
          setInterval(() => {}, 1000)
          console.log('ready ' + process.pid + '.')
          return await new Promise(() => {})`),
      )
      const pid = Number(/ready (\d+)\./.exec(await launched.printed('.\n'))?.[1])
      launched.process.kill('SIGKILL')
      assert.ok(await gone(pid, 20_000), `${pid} still runs`)
    })
  })
}

test(
  'Ctrl-C on a terminal is one wish to stop, though it arrives on two ways',
  { skip: !existsSync('/usr/bin/script') && 'no script(1)' },
  async () => {
    const stop = pathToFileURL(join(root, 'src/kernel/stop.ts')).href
    const clock = pathToFileURL(join(root, 'src/kernel/clock.ts')).href
    const launcher = programWith(`
    const { stopOnSignals } = await import('${stop}')
    const { systemClock } = await import('${clock}')
    let arrived = 0
    process.on('SIGINT', () => arrived++)
    using stop = stopOnSignals(systemClock)
    const ready = setTimeout(() => {}, 20_000)
    console.log('ready.')
    await new Promise((resolve) => stop.signal.addEventListener('abort', resolve))
    // The two may become one on their way: signals of a kind do not queue.
    for (let turn = 0; arrived < 2 && turn < 50; turn++) await systemClock.sleep(10)
    clearTimeout(ready)
    console.log('stopped in order')
    return 0`)
    // exec: a shell in between would die of the Ctrl-C itself.
    const command = ['exec', process.execPath, '--import', `'${feignNode20}'`, launcher].join(' ')
    const launched = start(['/usr/bin/script', '-qec', command, '/dev/null'])
    await launched.printed('ready.')
    launched.process.stdin?.write('\u0003')
    const { code, out } = await launched.ended
    assert.match(out, /stopped in order/)
    assert.equal(code, 0)
  },
)

test('without a Node that can run it, the next step is said', async () => {
  const bare = join(scratch, 'bare')
  cpSync(join(root, 'bin'), join(bare, 'bin'), { recursive: true })
  writeFileSync(join(bare, 'package.json'), '{ "type": "module" }')
  const regista = () => start([process.execPath, '--import', feignNode20], join(bare, 'bin/regista.js'), 'serve').ended
  const published = await regista()
  assert.equal(published.code, 1)
  assert.equal(published.out, '')
  assert.match(published.err, /^Regista needs Node 24\.11 or newer\./)
  assert.match(published.err, /\nNext: install Node 24/)
  mkdirSync(join(bare, 'src'))
  assert.match((await regista()).err, /\nNext: run `npm ci` in .*bare/)
})

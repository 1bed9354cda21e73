/** `regista serve` as a process, and what a second process sees of it. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { connect } from 'node:net'
import { suite, test } from 'node:test'
import { command, startCommand } from './parts/commands.ts'
import { regista, serveRegista } from './parts/regista.ts'
import { scratch, type Scratch } from './parts/scratch.ts'

const free = ['--listen', '127.0.0.1:0']

function runIn(at: Scratch) {
  return (...args: readonly string[]) => command([...args, '-c', at.path('regista.yaml')])
}

/** Polls until `done` answers true; throws with `what` after the bound. */
async function until(what: string, bound: number, done: () => Promise<boolean>): Promise<number> {
  const began = performance.now()
  for (;;) {
    if (await done()) return performance.now() - began
    if (performance.now() - began > bound) throw new Error(`${what}: not within ${bound} ms`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

suite('serve', { concurrency: 2 }, () => {
  test('quickstart: a second process sees an edited file in the history', async () => {
    using at = scratch('quickstart')
    await using server = await serveRegista(free, { cwd: at.folder })
    const applied = async () => {
      const { code, stdout } = await runIn(at)('history', '--key', 'chora.mail.delivery', '--type', 'delivery.')
      return code === 0 ? stdout.trimEnd().split('\n').length - 1 : 0
    }
    await until('the first sync', 20_000, async () => (await applied()) === 1)
    at.edit('capabilities/chora.mail.delivery.yaml', (text) => text.replace('1.4.1', '1.5.0'))
    // The promise is a second; the bound leaves room for a machine that does other things as well.
    await until('the change', 10_000, async () => (await applied()) === 2)
    const second = await regista(['history', '-n', '3'], { cwd: at.folder })
    assert.equal(second.code, 0)
    assert.match(second.stdout, /entry\.changed|delivery\.applied/)
    const kept = await fetch(`${server.url}/api/v1/kv/%2Fchora%2Fcapabilities%2Fchora.mail.delivery%2Fversion`)
    assert.equal(await kept.text(), '1.5.0')
  })

  test('SIGTERM and SIGINT end it with 0, and nothing is left behind', async () => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      using at = scratch('quickstart')
      await using server = await serveRegista(free, { cwd: at.folder })
      assert.match(server.stdout(), /^Regista listens on http:\/\/127\.0\.0\.1:\d+ \(pid \d+, state in .*\/state\)\n$/)
      assert.equal(statSync(at.path('state/regista.sock')).mode & 0o777, 0o600)
      assert.equal(await server.stop(signal), 0, server.stderr())
      assert.equal(existsSync(at.path('state/regista.sock')), false)
      assert.equal((await runIn(at)('status')).code, 0)
    }
  })

  test('the state that another process holds is refused, naming it', async () => {
    using at = scratch('quickstart')
    await using server = await serveRegista(free, { cwd: at.folder })
    const second = await regista(['serve', ...free], { cwd: at.folder })
    assert.equal(second.code, 1)
    assert.equal(second.stdout, '')
    assert.match(second.stderr, new RegExp(`state is held by another process: .* process ${server.pid} `))
  })

  test('after kill -9 the next command and the next server find everything', async () => {
    using at = scratch('quickstart')
    await using first = await serveRegista(free, { cwd: at.folder })
    await until('the first sync', 20_000, async () => (await runIn(at)('plan')).code === 0)
    await first.stop('SIGKILL')
    const alone = await runIn(at)('status', '--output', 'json')
    assert.equal(alone.code, 0, alone.stderr)
    assert.equal((JSON.parse(alone.stdout) as { counts: { entries: { live: number } } }[])[0]?.counts.entries.live, 6)
    await using second = await serveRegista(free, { cwd: at.folder })
    assert.equal((await runIn(at)('doctor')).code, 0)
    assert.equal(await second.stop(), 0)
  })

  test('history --follow shows what happens, ends with Ctrl-C, and says so where nobody serves', async () => {
    using at = scratch('quickstart')
    const alone = await runIn(at)('history', '--follow')
    assert.deepEqual([alone.code, alone.stdout], [1, ''])
    assert.match(alone.stderr, /nobody serves this state/)

    await using _server = await serveRegista(free, { cwd: at.folder })
    await until('the first sync', 20_000, async () => (await runIn(at)('plan')).code === 0)
    const stop = new AbortController()
    const { printed, ended } = startCommand(['history', '--follow', '-c', at.path('regista.yaml')], {}, stop.signal)
    await until('the header', 10_000, () => Promise.resolve(printed.out.includes('SEQ')))
    at.edit('capabilities/chora.mail.delivery.yaml', (text) => text.replace('1.4.1', '1.5.0'))
    await until('the event', 10_000, () => Promise.resolve(/\tdelivery\.applied\tquickstart\town\t/.test(printed.out)))
    stop.abort('SIGINT')
    assert.equal((await ended).code, 0)
  })

  test('a server that asks for tokens gives the first one to a file, and commands use it over the network', async () => {
    using at = scratch('server: { port: 0, auth: tokens }\nstate: state\n')
    await using server = await serveRegista([], { cwd: at.folder })
    const remote = (token: string, ...args: readonly string[]) =>
      command([...args, '--url', server.url], { env: { REGISTA_TOKEN: token } })
    const nobody = await command(['status', '--url', server.url])
    assert.equal(nobody.code, 1)
    assert.match(nobody.stderr, /give a token with --token or REGISTA_TOKEN/)
    const first = readFileSync(at.path('state/first-token'), 'utf8').trim()
    const made = await remote(first, 'tokens', 'create', 'viewer')
    assert.equal(made.code, 0, made.stderr)
    const viewer = made.stdout.trim()
    assert.equal((await remote(viewer, 'status')).code, 0)
    const refused = await remote(viewer, 'tokens', 'list')
    assert.deepEqual([refused.code, refused.stdout], [1, ''])
    assert.match(refused.stderr, /not allowed: This needs the role admin/)
    assert.ok(![refused.stderr, nobody.stderr, server.stderr(), server.stdout()].some((text) => text.includes(first)))
  })

  test('a listening address that is taken, and a socket path that is too long, are said in one line', async () => {
    using at = scratch('quickstart')
    await using server = await serveRegista(free, { cwd: at.folder })
    const port = new URL(server.url).port
    const taken = await regista(['serve', '--listen', `127.0.0.1:${port}`, '--state', 'other'], { cwd: at.folder })
    assert.equal(taken.code, 1)
    assert.match(taken.stderr, /cannot listen on 127\.0\.0\.1:\d+: something else listens there\n/)
    const long = await regista(['serve', ...free, '--state', 'x'.repeat(120)], { cwd: at.folder })
    assert.equal(long.code, 1)
    assert.match(long.stderr, /the path of the socket is longer than 107 bytes/)
  })

  test('a second Ctrl-C ends it at once', async () => {
    using at = scratch('quickstart')
    await using server = await serveRegista(free, { cwd: at.folder })
    // A request that never ends: the server waits for it, as long as its bound says.
    const request = connect(Number(new URL(server.url).port), '127.0.0.1')
    request.on('error', () => {})
    request.write('POST /api/v1/syncs/quickstart/plan HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n')
    request.write('content-type: application/json\r\nexpect: 100-continue\r\n\r\n')
    await once(request, 'data')
    process.kill(server.pid, 'SIGINT')
    await until('it stops listening', 5000, () => Promise.resolve(!existsSync(at.path('state/regista.sock'))))
    // Signals within a second of the first are the same wish.
    const first = performance.now()
    await until('a second passes', 5000, () => Promise.resolve(performance.now() - first > 1100))
    assert.equal(await server.stop('SIGINT'), 130)
    request.destroy()
  })
})

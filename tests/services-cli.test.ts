/** `regista services` beside a server: what is followed, registered from files, purged; and what it says when it cannot. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { after, before, suite, test } from 'node:test'
import { command, startCommand } from './parts/commands.ts'
import type { Ran } from './parts/regista.ts'
import { serveRegista, type Serving } from './parts/regista.ts'
import { scratch } from './parts/scratch.ts'

suite('regista services', () => {
  const at = scratch('services: {}\n')
  let server: Serving
  before(async () => {
    server = await serveRegista(['--listen', '127.0.0.1:0'], { cwd: at.folder })
  })
  after(async () => {
    await server.stop()
    at[Symbol.dispose]()
  })
  const services = (...args: readonly string[]): Promise<Ran> =>
    command(['services', ...args, '-c', at.path('regista.yaml')])

  test('files of registrations: a list, lines, an object; exit code 1 and a line for each that is refused', async () => {
    const write = (name: string, text: string) => {
      writeFileSync(at.path(name), text)
      return at.path(name)
    }
    const list = write('p.json', JSON.stringify([{ poller_id: 'p1' }, { poller_id: 'p2' }], null, 2))
    assert.match((await services('register', 'poller', '--file', list)).stdout, /2 pollers: 2 registered, 0 claimed/)
    const lines = write('a.jsonl', '{"agent_id":"a1","poller_id":"p1"}\n\n{"agent_id":"a2","poller_id":"p2"}\n')
    assert.equal((await services('register', 'agent', '--file', lines)).code, 0)
    assert.match(
      (await services('register', 'agent', '--file', lines)).stdout,
      /2 agents: 0 registered, .* 2 unchanged/,
    )
    const whole = write(
      'c.json',
      '{"services":[{"checker_id":"c1","agent_id":"a1"},{"checker_id":"c2","agent_id":"a9"}]}',
    )
    const refused = await services('register', 'checker', '--file', whole)
    assert.equal(refused.code, 1)
    assert.match(refused.stdout, /2 checkers: 1 registered, .* 1 refused/)
    assert.match(refused.stderr, /^c2: .*a9/m)
    assert.match((await services('register', 'poller', '--file', write('x', '{"poller_id":'))).stderr, /neither JSON/)
    assert.equal((await services('register', 'poller')).code, 1)
  })

  test('events as they happen', { timeout: 60_000 }, async () => {
    const stop = new AbortController()
    const args = ['services', 'events', '--follow', '--type', 'revoked', '-c', at.path('regista.yaml')]
    const { printed, ended } = startCommand(args, {}, stop.signal)
    while (!printed.out.includes('SEQ')) await new Promise((done) => setTimeout(done, 10))
    await services('revoke', 'agent', 'a2', '--reason', 'stolen')
    while (!printed.out.includes('stolen')) await new Promise((done) => setTimeout(done, 10))
    stop.abort('SIGINT')
    await ended
    assert.equal(printed.out.trimEnd().split('\n').length, 2)
    assert.match(printed.out, /\trevoked\tagent\ta2\t/)
  })

  test('CSV of what holds commas, quotes and lines', async () => {
    const reason = 'stolen, "again"\nsays north'
    await services('revoke', 'poller', 'p1', '--reason', reason)
    const { stdout } = await services('ls', 'pollers', '--status', 'revoked', '--output', 'csv')
    assert.ok(stdout.includes('"stolen, ""again""\nsays north"'), stdout)
    assert.ok((await services('events', '--output', 'csv')).stdout.includes('"stolen, ""again""\nsays north"'))
    assert.match((await services('get', 'poller', 'p1')).stdout, /stolen, "again"\\nsays north/)
  })

  test('what is cut off is told of', async () => {
    const some = await services('ls', '-n', '1')
    assert.match(some.stderr, /^1 of 2 pollers; -n shows more/m)
    assert.equal(some.stdout.trimEnd().split('\n').length, 4)
  })

  test('purge removes with --yes alone', async () => {
    const asked = await services('purge', '--retention-days', '0')
    assert.match(asked.stderr, /would be removed; do it with --yes/)
    assert.match(asked.stdout, /^poller\/p1\tservice-has-children\t.*\t1 below it$|^checker\/c1\t/m)
    const done = await services('purge', '--retention-days', '0', '--yes', '--reason', 'moving out')
    assert.match(done.stderr, /5 registrations removed/)
    assert.equal((await services('ls')).stdout.trimEnd().split('\n').length, 1)
    const { stdout } = await services('events', '--type', 'purged', '--output', 'json')
    assert.ok((JSON.parse(stdout) as { reason: string }[]).every(({ reason }) => reason === 'moving out'))
  })

  test('what cannot be says why', async () => {
    assert.match((await services('get', 'poller', 'nobody')).stderr, /There is no poller nobody/)
    assert.match((await services('ls', '--status', 'gone')).stderr, /query\/status knows pending, active/)
    assert.match((await services('events', '--type', 'vanished')).stderr, /query\/type knows registered/)
    assert.match((await services('tree', 'poller')).stderr, /name the poller, too/)
    assert.equal((await services('get', 'gateway', 'g1')).code, 64)
  })
})

/** Each command alone on the state, and beside a `regista serve` process that holds it. */
import assert from 'node:assert/strict'
import { mkdirSync, renameSync } from 'node:fs'
import { suite, test } from 'node:test'
import { command } from './parts/commands.ts'
import { serveRegista, type Ran, type Serving } from './parts/regista.ts'
import { scratch, type Scratch } from './parts/scratch.ts'

/** Passes only when they are asked for, so that a test decides what happens. */
const config = `
server: { port: 0 }
state: state
capabilities:
  catalog:
    directory: capabilities
    cron: '0 0 1 1 *'
    targets: { own: { store: true } }
`

const mail = 'capabilities/chora.mail.delivery.yaml'

interface House {
  readonly at: Scratch
  readonly alone: boolean
  run(...args: readonly string[]): Promise<Ran>
  json<T>(...args: readonly string[]): Promise<T>
}

/** The same test with nobody and with a server holding the state. */
function both(name: string, body: (house: House) => Promise<void>): void {
  for (const mode of ['alone', 'beside a server'] as const) {
    test(`${name} (${mode})`, async () => {
      using at = scratch(config)
      await using _server: Serving | null = mode === 'alone' ? null : await serveRegista([], { cwd: at.folder })
      const run = runIn(at)
      await body({
        at,
        run,
        alone: mode === 'alone',
        async json<T>(...args: readonly string[]) {
          const { stdout, stderr } = await run(...args, '--output', 'json')
          assert.notEqual(stdout, '', stderr)
          return JSON.parse(stdout) as T
        },
      })
    })
  }
}

function runIn(at: Scratch): House['run'] {
  return (...args) => command([...args, '-c', at.path('regista.yaml')])
}

/** Cells of a piped table, without its header. */
function cells(stdout: string): string[][] {
  return stdout
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((line) => line.split('\t'))
}

suite('commands', { concurrency: 2 }, () => {
  test('what is edited is planned, then synced', async () => {
    using at = scratch(config)
    const run = runIn(at)
    const first = await run('plan')
    assert.deepEqual([first.code, cells(first.stdout).length], [2, 6])
    assert.equal((await run('sync')).code, 0)
    at.edit(mail, (text) => text.replace('1.4.1', '1.5.0'))
    const planned = await run('plan')
    const header = 'SYNC\tTARGET\tACTION\tKEY\tLABEL\tREASON\tHOLD\n'
    assert.deepEqual([planned.code, planned.stderr], [2, ''])
    assert.equal(planned.stdout, `${header}catalog\town\tchange\tchora.mail.delivery\t1.5.0\t-\t-\n`)
    assert.equal((await run('sync', '--dry-run')).stdout, planned.stdout)
    const synced = await run('sync', 'catalog')
    assert.equal(cells(synced.stdout)[0]?.slice(0, 4).join(' '), 'catalog own ok 1')
    const done = await run('plan')
    assert.deepEqual([done.code, done.stdout], [0, header])
  })

  both('sync reports, plan finds nothing', async ({ run, json }) => {
    const [report] = await json<{ ok: boolean; targets: { target: string; state: string }[] }[]>('sync')
    assert.deepEqual([report?.ok, report?.targets.map(({ target, state }) => `${target} ${state}`)], [true, ['own ok']])
    assert.equal((await run('plan', 'catalog')).code, 0)
    const unknown = await run('sync', 'nothing')
    assert.deepEqual([unknown.code, unknown.stdout], [1, ''])
    assert.equal(unknown.stderr, 'regista: not found: There is no sync named nothing.\n')
  })

  both('status, history and explain tell of it', async ({ at, run, json }) => {
    await run('sync')
    const [status] = cells((await run('status')).stdout)
    assert.deepEqual(
      [status?.[0], status?.[1], status?.[4], status?.[6], status?.[9]],
      ['catalog', 'capabilities', 'yes', '6', '1/1'],
    )
    assert.match((await run('status', 'catalog')).stdout, /\nown\tok\t0\t-\t-\n$/)

    at.edit(mail, (text) => text.replace('1.4.1', '1.5.0'))
    await run('sync')
    const history = cells((await run('history', '--key', 'chora.mail.delivery')).stdout)
    assert.deepEqual(
      history.map((row) => row[2]),
      ['entry.appeared', 'delivery.applied', 'entry.changed', 'delivery.applied'],
    )
    const limited = await json<{ type: string }[]>('history', '--type', 'entry.', '-n', '1')
    assert.deepEqual(
      limited.map(({ type }) => type),
      ['entry.changed'],
    )
    assert.deepEqual(await json('history', '--since', '2999-01-01'), [])

    const explained = await run('explain', 'chora.mail.delivery')
    assert.match(
      explained.stdout,
      /^catalog\n {2}source: live, 1\.5\.0 \(chora\.mail\.delivery\.yaml\)\n {2}own: .*1\.5\.0/,
    )
    const unknown = await run('explain', 'chora.nothing')
    assert.deepEqual([unknown.code, unknown.stdout], [1, ''])
    assert.match(unknown.stderr, /no sync ever heard of chora\.nothing/)
  })

  both('removals of a whole source are held, named, listed, released', async ({ at, alone, run }) => {
    await run('sync')
    // At once, so that a server that watches the folder sees all of it go or nothing.
    mkdirSync(at.path('empty'))
    renameSync(at.path('capabilities'), at.path('before'))
    renameSync(at.path('empty'), at.path('capabilities'))
    // The server may also have seen it first, and held them all.
    const held = await run('sync', '--allow-deletes', '2')
    assert.equal(held.code, 1)
    assert.match(held.stderr, /^catalog: (\d) changes held, of them \1 removals; .*--allow-deletes \1\n$/)
    assert.match((await run('status')).stderr, /changes are held \(\d source-empty\)/)

    const listed = cells((await run('release', '--list')).stdout)
    assert.ok(listed.length === 4 || (!alone && listed.length === 6))
    const one = await run('release', listed[0]![0]!)
    assert.deepEqual([one.code, one.stdout], [0, '1 released\n'])
    const again = await run('release', 'no-such-hold')
    assert.deepEqual([again.code, again.stdout], [1, '0 released\n'])
    assert.equal((await run('release', '--all', '--sync', 'catalog')).stdout, `${listed.length - 1} released\n`)
    const done = await run('sync')
    assert.deepEqual([done.code, done.stderr], [0, ''])
    assert.deepEqual(cells((await run('release', '--list')).stdout), [])
  })

  both('pause keeps targets as they are until resume', async ({ at, run }) => {
    await run('sync')
    assert.equal((await run('pause', 'catalog')).stdout, 'SYNC\tSTATE\ncatalog\tpaused\n')
    at.edit(mail, (text) => text.replace('1.4.1', '1.5.0'))
    const paused = await run('sync')
    assert.equal(paused.code, 1)
    assert.match(paused.stderr, /it is paused; `regista resume catalog`/)
    assert.equal((await run('resume', 'catalog')).code, 0)
    assert.equal((await run('sync')).code, 0)
    assert.equal((await run('plan')).code, 0)
  })

  both('tokens are created once, listed without their text, revoked', async ({ run, json }) => {
    const made = await run('tokens', 'create', 'ci', '--role', 'operator', '--sync', 'catalog', '--expires', '90d')
    assert.match(made.stdout, /^regista_[0-9a-f]{12}_[\w-]{43}\n$/)
    const [listed] = await json<{ id: string; name: string; scopes: unknown }[]>('tokens', 'list')
    assert.deepEqual([listed?.name, listed?.scopes], ['ci', { syncs: ['catalog'] }])
    const table = (await run('tokens', 'list')).stdout
    assert.ok(!table.includes(made.stdout.trim()))
    assert.equal((await run('tokens', 'revoke', listed!.id)).code, 0)
    assert.equal((await run('tokens', 'create', 'edge', '--services', 'beat,read', 'purge')).code, 0)
    assert.match((await run('tokens', 'list')).stdout, /services:beat services:read services:purge/)
    assert.equal((await run('tokens', 'create', 'wrong', '--services', 'beats')).code, 64)
    const rows = cells((await run('tokens', 'list')).stdout)
    assert.equal(rows.find((row) => row.includes('ci'))?.[4], 'revoked')
    assert.equal((await run('tokens', 'revoke', 'none')).code, 1)
  })

  both('forget refuses what the configuration names', async ({ run }) => {
    await run('sync')
    const refused = await run('forget', 'catalog')
    assert.equal(refused.code, 1)
    assert.match(
      refused.stderr,
      /^regista: owned by the configuration file: .*take it out first \(.*regista\.yaml:5:3\)\n$/,
    )
    assert.match((await run('forget', 'other')).stderr, /There is no sync named other/)
  })

  both('doctor looks at everything', async ({ run, json }) => {
    await run('sync')
    const checks = await json<{ check: string; state: string }[]>('doctor')
    assert.deepEqual(
      checks.map(({ check }) => check),
      ['node', 'state folder', 'disk', 'configuration', 'holder', 'database', 'history', 'clock', 'sync catalog'],
    )
    assert.deepEqual(
      checks.filter(({ state }) => state === 'fail'),
      [],
    )
  })

  both('backup copies the state, restore puts it back', async ({ at, alone, run }) => {
    await run('sync')
    const saved = await run('backup', at.path('saved.db'))
    assert.deepEqual([saved.code, saved.stderr], [0, ''])
    assert.match(saved.stdout, /saved\.db: \d+ events, the newest is \d+\n$/)
    const again = await run('backup', at.path('saved.db'))
    assert.equal(again.code, 1)
    assert.match(again.stderr, /saved\.db exists: name another file/)
    const refused = await run('restore', at.path('saved.db'), '--force')
    if (!alone) {
      assert.equal(refused.code, 1)
      assert.match(refused.stderr, /state is held by another process/)
      return
    }
    assert.equal(refused.code, 0, refused.stderr)
    await run('pause', 'catalog')
    assert.match((await run('restore', at.path('saved.db'))).stderr, /exists: restore with --force/)
    const restored = await run('restore', at.path('saved.db'), '--force')
    assert.deepEqual(
      [restored.code, restored.stdout],
      [0, saved.stdout.replace(/^.*saved\.db/, at.path('state/regista.db'))],
    )
    assert.match(restored.stderr, /^What was there is now .*regista\.db\.replaced-/m)
    assert.equal(cells((await run('status')).stdout)[0]?.[2], 'active')
    assert.equal((await run('plan')).code, 0)
  })

  test('a target out of the configuration is forgotten, a sync too', async () => {
    using at = scratch(
      config.replace(
        'own: { store: true }',
        'own: { store: true }, old: { store: true, prefix: /old/, inventory: /was/ }',
      ),
    )
    const run = runIn(at)
    assert.equal((await run('sync')).code, 0)
    at.write('regista.yaml', config)
    await run('sync')
    assert.match(
      (await run('status')).stderr,
      /target old left the configuration; `regista forget catalog --target old`/,
    )
    assert.equal((await run('forget', 'catalog', '--target', 'old')).stdout, '6 entries and deliveries forgotten\n')
    assert.doesNotMatch((await run('status')).stderr, /left the configuration/)
    at.write('regista.yaml', 'state: state\n')
    assert.equal((await run('forget', 'catalog')).code, 0)
    assert.deepEqual(cells((await run('status')).stdout), [])
  })

  test('doctor fails where a target does not answer, and says which', async () => {
    using at = scratch(config.replace('{ store: true }', '{ etcd: { endpoints: ["127.0.0.1:1"], timeout: 500ms } }'))
    const { code, stdout } = await runIn(at)('doctor')
    assert.equal(code, 1)
    const row = cells(stdout).find(([check]) => check === 'sync catalog')
    assert.equal(row?.[1], 'fail')
    assert.match(row?.[2] ?? '', /^target own: .*127\.0\.0\.1:1/)
    const planned = await runIn(at)('plan')
    assert.equal(planned.code, 1, 'what could not be looked at is no "nothing to do"')
    assert.match(planned.stderr, /it may need changes that are not shown/)
  })
})

/** gitops-sync-registry as a process, against a real etcd: one-shot runs. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { after, before, beforeEach, describe, test } from 'node:test'
import { startEtcd, type Etcd } from './parts/etcd.ts'
import { skipWithout } from './parts/find.ts'
import { gitopsSync, until, valuesOf } from './parts/gitops-sync.ts'

const fixtures = resolve(import.meta.dirname, '../../shared/fixtures/capabilities')
const noFixtures = existsSync(fixtures) ? false : `${fixtures} is not here`
const prefix = '/chora/capabilities/'
const nowhere = ['--state-dir', '/dev/null/none']

/** The lines without their times, each `LEVEL message`. */
function linesOf(stderr: string): string[] {
  const line = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} - gitops-sync - (DEBUG|INFO|WARNING|ERROR) - /
  return stderr
    .trimEnd()
    .split('\n')
    .map((text) => {
      assert.match(text, line)
      return text.replace(line, '$1 ')
    })
}

describe('gitops-sync-registry, one shot', { skip: skipWithout('etcd', 'etcdctl') }, () => {
  let etcd: Etcd
  before(async () => {
    etcd = await startEtcd()
  })
  after(() => etcd?.[Symbol.asyncDispose]())
  beforeEach(async () => {
    await etcd.ctl('del', '--prefix', '/')
  })

  const connected = () => `INFO Connected to etcd at 127.0.0.1:${etcd.port}`
  const keys = async (below = prefix) => Object.keys(await etcd.dump(below))

  test('--compat writes what the original wrote, 180 keys and no other', { skip: noFixtures }, async () => {
    using sync = gitopsSync(etcd.port, join(fixtures, 'manifests'))
    const ran = await sync.run('--compat')
    const golden = JSON.parse(readFileSync(join(fixtures, 'etcd-golden.json'), 'utf8')) as Record<string, string>
    assert.deepEqual(await etcd.dump(''), golden)
    assert.equal(ran.code, 1)
    const lines = linesOf(ran.stderr)
    assert.deepEqual(
      lines.filter((line) => line.startsWith('WARNING')),
      ['capability_registry_discovery', 'namespace_resolution', 'sap_adoption_verification'].map(
        (name) => `WARNING Unknown capability type: chora.awareness.${name}.yaml`,
      ),
    )
    assert.deepEqual(lines.slice(0, 2), [connected(), 'INFO Found 48 capability manifest(s)'])
    assert.equal(lines.at(-1), 'INFO Sync complete: 45 synced, 0 skipped, 3 errors')
    const { revision } = await revisionAfter(() => sync.run('--compat', ...nowhere))
    assert.equal(revision, 0)
  })

  test(
    'all 48 real manifests make 192 keys; again writes nothing, with and without state',
    { skip: noFixtures },
    async () => {
      using sync = gitopsSync(etcd.port, join(fixtures, 'manifests'))
      const first = await sync.run()
      assert.equal(first.code, 0, first.stderr)
      assert.equal((await keys()).length, 192)
      assert.equal(linesOf(first.stderr).at(-1), 'INFO Sync complete: 48 synced, 0 skipped, 0 errors')
      for (const args of [[], nowhere]) {
        const { ran, revision } = await revisionAfter(() => sync.run(...args))
        assert.equal(revision, 0)
        assert.equal(ran.code, 0)
        assert.equal(linesOf(ran.stderr).at(-1), 'INFO Sync complete: 0 synced, 48 skipped, 0 errors')
      }
    },
  )

  async function revisionAfter<T>(act: () => Promise<T>): Promise<{ ran: T; revision: number }> {
    const from = await etcd.revision()
    const ran = await act()
    return { ran, revision: (await etcd.revision()) - from }
  }

  test('says what the original says, on the streams where it says it', async () => {
    using sync = gitopsSync(etcd.port)
    sync.write('chora.a.one', { requires: ['chora.a.two'] })
    sync.write('chora.a.two', { type: 'pattern', version: '2.1.0' })
    const ran = await sync.run()
    assert.deepEqual(linesOf(ran.stderr), [
      connected(),
      'INFO Found 2 capability manifest(s)',
      'INFO Synced: chora.a.one (service)',
      'INFO Synced: chora.a.two (pattern)',
      'INFO Sync complete: 2 synced, 0 skipped, 0 errors',
    ])
    const rule = '='.repeat(80)
    const block = [
      `\n${rule}\nGitOps Sync Statistics\n${rule}\n`,
      'Total files: 2\nSynced: 2\nSkipped \\(unchanged\\): 0\nErrors: 0\n',
      `Last sync: \\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d{6})?\n${rule}\n\n`,
    ]
    assert.match(ran.stdout, new RegExp(`^${block.join('')}$`))
    assert.deepEqual(await etcd.dump(prefix), {
      ...prefixed('chora.a.one', valuesOf('chora.a.one', { requires: ['chora.a.two'] })),
      ...prefixed('chora.a.two', valuesOf('chora.a.two', { type: 'pattern', version: '2.1.0' })),
    })
    const listed = await sync.run('--list', '--watch')
    assert.equal(listed.stdout, '\nFound 2 capability/ies in etcd:\n\n  - chora.a.one\n  - chora.a.two\n\n')
    assert.deepEqual(linesOf(listed.stderr), [connected()])
    assert.equal(listed.code, 0)
  })

  const prefixed = (id: string, values: Record<string, string>) =>
    Object.fromEntries(Object.entries(values).map(([facet, value]) => [`${prefix}${id}/${facet}`, value]))

  test('a missing directory, an empty one, nobody at the port, a wrong command line', async () => {
    using sync = gitopsSync(etcd.port)
    const empty = await sync.run()
    assert.equal(empty.code, 1)
    assert.deepEqual(linesOf(empty.stderr), [connected(), `WARNING No capability manifests found in ${sync.manifests}`])
    assert.match(empty.stdout, /Total files: 0\nSynced: 0\nSkipped \(unchanged\): 0\nErrors: 0\n=/)

    const missing = await sync.run('--capabilities', './gone//')
    assert.equal(missing.code, 1)
    assert.deepEqual(linesOf(missing.stderr), [connected(), 'ERROR Capabilities directory not found: gone'])
    assert.match(missing.stdout, /GitOps Sync Statistics/)

    const alone = await sync.run('--etcd-port', '1')
    assert.equal(alone.code, 1)
    assert.deepEqual(linesOf(alone.stderr), [
      'ERROR Failed to connect to etcd: etcd connection failed',
      'ERROR Failed to connect to etcd. Exiting.',
    ])
    assert.equal(alone.stdout, '')

    const wrong = await sync.run('--etcd', 'x')
    assert.equal(wrong.code, 2)
    assert.match(wrong.stderr, /^usage: gitops-sync-registry \[-h\]/)
    assert.match(wrong.stderr, /error: ambiguous option: --etcd could match --etcd-host, --etcd-port\n$/)
  })

  test('--dry-run connects to nothing and remembers nothing', async () => {
    using sync = gitopsSync(1)
    sync.write('chora.a.one')
    for (let again = 0; again < 2; again++) {
      const ran = await sync.run('--dry')
      assert.deepEqual(linesOf(ran.stderr), [
        'INFO DRY-RUN mode: skipping etcd connection',
        'INFO Found 1 capability manifest(s)',
        'INFO [DRY-RUN] Would sync: chora.a.one',
        'INFO Sync complete: 1 synced, 0 skipped, 0 errors',
      ])
      assert.equal(ran.code, 0)
    }
    assert.equal(existsSync(sync.state), false)
    const listed = await sync.run('--dry-run', '--list')
    assert.equal(listed.stdout, '\nFound 0 capability/ies in etcd:\n\n\n')
  })

  test('a state folder that cannot be used costs one warning and no result', async () => {
    using sync = gitopsSync(etcd.port)
    sync.write('chora.a.one')
    for (const folder of ['/dev/null/none', '/proc/none', sync.manifests + '/chora.a.one.yaml']) {
      const ran = await sync.run('--state-dir', folder)
      assert.equal(ran.code, 0, ran.stderr)
      const warnings = linesOf(ran.stderr).filter((line) => line.startsWith('WARNING'))
      assert.equal(warnings.length, 1)
      assert.match(warnings[0]!, /^WARNING State is kept in memory for this run only: /)
      assert.ok(warnings[0]!.includes(folder))
    }
  })

  test('what is absent once is not removed without leave', async () => {
    using sync = gitopsSync(etcd.port)
    for (const id of ['chora.a.one', 'chora.a.two', 'chora.a.three']) sync.write(id)
    await sync.run()
    sync.remove('chora.a.two')
    for (const args of [[], nowhere]) {
      const { ran, revision } = await revisionAfter(() => sync.run(...args))
      assert.equal(ran.code, 1)
      assert.equal(revision, 0)
      const last = linesOf(ran.stderr).at(-1)!
      assert.match(last, /^ERROR Not removed from etcd though absent from .*: chora\.a\.two; .*: --allow-deletes 1$/)
    }
    const none = await sync.run('--allow-deletes', '0')
    assert.equal(none.code, 1)
    const ran = await sync.run('--allow-deletes', '1', ...nowhere)
    assert.equal(ran.code, 0, ran.stderr)
    assert.ok(linesOf(ran.stderr).includes('INFO Removed: chora.a.two'))
    assert.deepEqual(await keys(`${prefix}chora.a.two`), [])
    assert.equal((await keys('/chora/')).length, 10)
  })

  test('what a later run finds absent again is removed', async () => {
    using sync = gitopsSync(etcd.port)
    for (const id of ['chora.a.one', 'chora.a.two']) sync.write(id)
    await sync.run()
    sync.remove('chora.a.two')
    // Looks must be as far apart as the interval, 20 s at most.
    const first = await sync.run('--interval', '1')
    assert.equal(first.code, 1)
    await until('a later run removes it', async () => (await sync.run('--interval', '1')).code === 0)
    assert.deepEqual(await keys(), Object.keys(prefixed('chora.a.one', valuesOf('chora.a.one'))))
  })

  test('--namespace: nothing outside it is written, missed or removed', async () => {
    using sync = gitopsSync(etcd.port)
    for (const id of ['chora.a', 'chora.a.one', 'chora.ab', 'chora.b.two', 'chora.b.old']) sync.write(id)
    const dry = await sync.run('--dry-run', '--namespace', 'chora.a')
    assert.equal(dry.stderr.match(/Would sync/g)?.length, 2)
    const part = await sync.run('--namespace', 'chora.a')
    assert.equal(part.code, 0, part.stderr)
    const lines = ['Found 2 capability manifest(s)', 'Synced: chora.a (service)', 'Synced: chora.a.one (service)']
    assert.deepEqual(
      linesOf(part.stderr).slice(1, -1),
      lines.map((line) => `INFO ${line}`),
    )
    assert.equal((await keys()).length, 8)
    await sync.run()
    for (const id of ['chora.a.one', 'chora.b.old']) sync.remove(id)
    writeFileSync(join(sync.manifests, 'chora.b.two.yaml'), 'metadata: [')
    for (const args of [[], nowhere]) {
      const { ran, revision } = await revisionAfter(() => sync.run('--namespace', 'chora.a', ...args))
      assert.deepEqual([ran.code, revision], [1, 0])
      assert.match(linesOf(ran.stderr).at(-1)!, /: chora\.a\.one; .*: --allow-deletes 1$/)
    }
    const ran = await sync.run('--namespace', 'chora.a', '--allow-deletes', '5')
    assert.equal(ran.code, 0, ran.stderr)
    const listed = await sync.run('--list')
    assert.match(listed.stdout, /Found 4 [^]*- chora\.a\n  - chora\.ab\n  - chora\.b\.old\n  - chora\.b\.two\n/)
    assert.match((await sync.run('--list', '--namespace', 'chora.b')).stdout, /Found 2 /)
    const none = await sync.run('--namespace', 'chora.none')
    assert.equal(none.code, 1)
    assert.match(none.stderr, /WARNING - No capability manifests found in .* for namespace chora\.none\n$/)
  })

  test('LOG_LEVEL=debug names the files that were left alone', async () => {
    using sync = gitopsSync(etcd.port, undefined, { LOG_LEVEL: 'debug' })
    sync.write('chora.a.one')
    await sync.run()
    const ran = await sync.run()
    assert.ok(linesOf(ran.stderr).includes('DEBUG Skipped (unchanged): chora.a.one.yaml'), ran.stderr)
  })

  test('a signal ends a run that waits for etcd, with the code that shells give it', async () => {
    using sync = gitopsSync(etcd.port)
    sync.write('chora.a.one')
    // etcd itself is one of its clients.
    const others = connectionsTo(etcd.port)
    await etcd.suspend()
    try {
      for (const [signal, code] of [
        ['SIGINT', 130],
        ['SIGTERM', 143],
      ] as const) {
        await using running = sync.start()
        // Its first call to etcd hangs; nothing has been said until then.
        await until('it runs', () => Promise.resolve(connectionsTo(etcd.port) > others))
        const began = performance.now()
        assert.equal(await running.stop(signal), code)
        assert.ok(performance.now() - began < 3000)
        assert.equal(running.stderr(), '')
        await until('its connection is gone', () => Promise.resolve(connectionsTo(etcd.port) <= others))
      }
    } finally {
      etcd.resume()
    }
  })

  test('files that ended the original cost only themselves', async () => {
    using sync = gitopsSync(etcd.port)
    sync.write('chora.good.one')
    const at = (name: string) => join(sync.manifests, name)
    symlinkSync('nowhere', at('chora.bad.link.yaml'))
    mkdirSync(at('chora.bad.folder.yaml'))
    execFileSync('mkfifo', [at('chora.bad.pipe.yaml')])
    writeFileSync(at('chora.bad.syntax.yaml'), 'metadata: [\n')
    writeFileSync(
      at('chora.bad.date.yaml'),
      'metadata: {dc_identifier: chora.bad.date, when: 2025-11-15}\nchora_service:\n',
    )
    const ran = await sync.run()
    assert.equal(ran.code, 1)
    for (const name of ['link', 'folder', 'pipe', 'syntax', 'date']) {
      const told = ran.stderr.split('\n').filter((line) => / ERROR /.test(line) && line.includes(`chora.bad.${name}`))
      assert.equal(told.length, 1, `${name}: ${ran.stderr}`)
    }
    assert.match(ran.stderr, /INFO - Sync complete: 1 synced, 0 skipped, 5 errors\n$/)
    assert.deepEqual(await etcd.dump(prefix), prefixed('chora.good.one', valuesOf('chora.good.one')))
  })
})

test('TLS, a client certificate and a user', { skip: skipWithout('etcd', 'etcdctl', 'openssl') }, async () => {
  const users = { sync: { password: 'secret', prefix: '' } }
  await using etcd = await startEtcd({ tls: 'mutual', auth: { root: 'toor', users } })
  const { ca, client } = etcd.certificates!
  using sync = gitopsSync(etcd.port, undefined, { ETCDCTL_PASSWORD: 'secret', ETCDCTL_KEY: client.key })
  sync.write('chora.a.one')
  const files = ['--etcd-ca', ca, '--etcd-cert', client.cert]
  const ran = await sync.run(...files, '--etcd-user', 'sync', '--etcd-host', `127.0.0.1:1,127.0.0.1`)
  assert.equal(ran.code, 0, ran.stderr)
  assert.equal(Object.keys(await etcd.dump(prefix)).length, 4)
  assert.match(ran.stderr, new RegExp(`Connected to etcd at 127\\.0\\.0\\.1:1,127\\.0\\.0\\.1:${etcd.port}\n`))
  const stranger = await sync.run(...files, '--etcd-user', 'nobody')
  assert.equal(stranger.code, 1)
  assert.doesNotMatch(stranger.stderr + ran.stderr, /secret/)
  assert.equal((await sync.run('--etcd-key=')).code, 2)
})

/** Connections of clients on this machine, as the kernel lists them: local and remote address in hex, state 01. */
function connectionsTo(port: number): number {
  const remote = `:${port.toString(16).toUpperCase().padStart(4, '0')} 01 `
  const tables = ['/proc/net/tcp', '/proc/net/tcp6'].map((file) => readFileSync(file, 'utf8'))
  const rows = tables
    .join('\n')
    .split('\n')
    .map((row) => row.trim().split(/\s+/).slice(2, 4).join(' '))
  return rows.filter((row) => `${row} `.endsWith(remote)).length
}

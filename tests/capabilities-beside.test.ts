/** gitops-sync-registry beside a watch of the same directory and etcd: runs and health checks through its socket. */
import assert from 'node:assert/strict'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, beforeEach, describe, test } from 'node:test'
import { startEtcd, type Etcd } from './parts/etcd.ts'
import { skipWithout } from './parts/find.ts'
import { gitopsSync, until } from './parts/gitops-sync.ts'
import { suspend } from './parts/suspend.ts'

const prefix = '/chora/capabilities/'
const inMemory = /State is kept in memory/

describe('gitops-sync-registry beside a watch', { skip: skipWithout('etcd', 'etcdctl') }, () => {
  let etcd: Etcd
  before(async () => {
    etcd = await startEtcd()
  })
  after(() => etcd?.[Symbol.asyncDispose]())
  beforeEach(async () => {
    await etcd.ctl('del', '--prefix', '/')
  })

  const has = async (id: string) => Object.keys(await etcd.dump(`${prefix}${id}/`)).length === 4

  async function watching(...args: readonly string[]) {
    const sync = gitopsSync(etcd.port)
    for (const id of ['chora.a.one', 'chora.a.two', 'chora.b.three']) sync.write(id)
    const state = join(sync.state, 'named')
    const running = sync.start('--watch', '--interval', '60', '--state-dir', state, ...args)
    await running.said('Sync complete: 3 synced, 0 skipped, 0 errors')
    return {
      sync,
      running,
      state,
      run: (...more: string[]) => sync.run('--state-dir', state, ...more),
      async [Symbol.asyncDispose]() {
        await running[Symbol.asyncDispose]()
        sync[Symbol.dispose]()
      },
    }
  }

  test('a run is done by the watch: its lines, its statistics, its exit code', async () => {
    await using watch = await watching()
    const { sync, running, run, state } = watch
    assert.equal(statSync(join(state, 'regista.sock')).mode & 0o777, 0o600)
    await etcd.ctl('del', `${prefix}chora.a.one/type`)
    const ran = await run()
    assert.equal(ran.code, 0, ran.stderr)
    assert.doesNotMatch(ran.stderr, inMemory)
    assert.match(
      ran.stderr,
      /Connected to etcd[^]*Found 3 capability manifest[^]*Sync complete: \d synced, \d skipped, 0 errors\n$/,
    )
    assert.match(ran.stdout, /GitOps Sync Statistics\n=+\nTotal files: 3\n/)
    assert.ok(await has('chora.a.one'))

    sync.remove('chora.a.two')
    await running.said('Not removed from etcd')
    const refused = await run()
    assert.equal(refused.code, 1)
    assert.match(refused.stderr, /ERROR - Not removed from etcd though absent from .*: chora\.a\.two;/)
    const removed = await run('--allow-deletes', '1')
    assert.equal(removed.code, 0, removed.stderr)
    assert.match(removed.stderr, /INFO - Removed: chora\.a\.two\n/)
    assert.match(running.stderr(), /INFO - Removed: chora\.a\.two\n/)
    assert.equal(await has('chora.a.two'), false)
  })

  test('a dry run and a list need nobody, and a broken manifest is told to each that asks', async () => {
    await using watch = await watching()
    const { sync, running, run } = watch
    assert.match((await run('--list')).stdout, /Found 3 capability/)
    const dry = await run('--dry-run')
    assert.match(dry.stderr, /\[DRY-RUN\] Would sync: chora\.a\.one/)
    sync.edit('chora.a.one', () => 'metadata: [')
    await running.said('Failed to parse chora.a.one.yaml')
    for (let again = 0; again < 2; again++) {
      const ran = await run()
      assert.equal(ran.code, 1)
      assert.match(ran.stderr, /ERROR - Failed to parse chora\.a\.one\.yaml/)
      assert.match(ran.stdout, /Errors: 1\n/)
    }
  })

  test('other rules are refused; a second watch and a namespace go their own way', async () => {
    await using watch = await watching()
    const ran = await watch.run('--compat')
    assert.equal(ran.code, 1)
    assert.match(
      ran.stderr,
      /ERROR - Sync stopped: the watch \(process \d+\) runs with --version-source semver --source-id/,
    )
    await using second = watch.sync.start('--watch', '--state-dir', watch.state)
    await second.said(inMemory)
    const part = await watch.run('--namespace', 'chora.b')
    assert.equal(part.code, 0, part.stderr)
    assert.doesNotMatch(part.stderr, inMemory)
  })

  test('a watch that dies half-way is an error', async () => {
    await using watch = await watching()
    await suspend(watch.running.child)
    const asking = watch.run()
    const socket = join(watch.state, 'regista.sock')
    // One line is the socket that listens, each other one a connection.
    const sockets = () =>
      readFileSync('/proc/net/unix', 'utf8')
        .split('\n')
        .filter((line) => line.endsWith(socket)).length
    await until('it asks', () => Promise.resolve(sockets() > 1))
    watch.running.child.kill('SIGKILL')
    const ran = await asking
    assert.equal(ran.code, 1)
    assert.match(ran.stderr, /ERROR - Sync stopped: the watch that ran it ended before it was done\n$/)
    assert.equal(ran.stdout, '')
    const alone = await watch.run()
    assert.equal(alone.code, 0, alone.stderr)
    assert.doesNotMatch(alone.stderr, inMemory)
  })

  test('--health: etcd, the watch, the ledger of a run, and nothing to go by', async () => {
    await using watch = await watching()
    const good = await watch.run('--health')
    assert.deepEqual([good.code, good.stderr], [0, ''])
    assert.match(good.stdout, /^healthy: the last pass was \d+ s ago\n$/)
    await watch.running.stop('SIGTERM')
    // By the ledger now, and by the interval of the check.
    assert.equal((await watch.run('--health')).code, 0)
    await until('too long ago', async () => (await watch.run('--health', '--interval', '1')).code === 1)
    const old = await watch.run('--health', '--interval', '1')
    assert.match(old.stderr, /^unhealthy: the last pass was \d+ s ago, more than 3 intervals of 1 s\n$/)
    const unknown = await watch.sync.run('--health', '--state-dir', '/dev/null/none')
    assert.equal(unknown.code, 1)
    assert.match(unknown.stderr, /^unhealthy: no pass is known in .* in memory nothing can be known\n$/)
    const gone = await watch.run('--health', '--etcd-port', '1')
    assert.equal(gone.code, 1)
    assert.match(gone.stderr, /^unhealthy: etcd at 127\.0\.0\.1:1 does not answer: .*\n$/)
    assert.equal(gone.stdout, '')
  })
})

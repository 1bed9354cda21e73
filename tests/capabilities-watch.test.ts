/** gitops-sync-registry in watch mode, against a real etcd: everything is put right without a restart. */
import assert from 'node:assert/strict'
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, beforeEach, describe, test } from 'node:test'
import { startEtcd, type Etcd } from './parts/etcd.ts'
import { skipWithout } from './parts/find.ts'
import { gitopsSync, until, valuesOf, type Manifest, type Running } from './parts/gitops-sync.ts'

const prefix = '/chora/capabilities/'
const ids = ['chora.a.one', 'chora.a.two', 'chora.b.three']

describe('gitops-sync-registry --watch', { skip: skipWithout('etcd', 'etcdctl') }, () => {
  let etcd: Etcd
  before(async () => {
    etcd = await startEtcd()
  })
  after(() => etcd?.[Symbol.asyncDispose]())
  beforeEach(async () => {
    await etcd.ctl('del', '--prefix', '/')
  })

  /** Resolves when etcd holds exactly these capabilities below the prefix. */
  async function holds(wanted: Record<string, Partial<Manifest>>, what: string): Promise<void> {
    const expected: Record<string, string> = {}
    for (const [id, manifest] of Object.entries(wanted)) {
      for (const [facet, value] of Object.entries(valuesOf(id, manifest))) expected[`${prefix}${id}/${facet}`] = value
    }
    let last: Record<string, string> = {}
    const same = async () => {
      last = await etcd.dump(prefix).catch(() => ({}))
      return JSON.stringify(sorted(last)) === JSON.stringify(sorted(expected))
    }
    await until(what, same).catch((thrown: unknown) => {
      assert.deepEqual(last, expected)
      throw thrown
    })
  }

  const sorted = (of: Record<string, string>) => Object.entries(of).toSorted(([a], [b]) => (a < b ? -1 : 1))
  const all = (more: Record<string, Partial<Manifest>> = {}) => ({
    ...Object.fromEntries(ids.map((id) => [id, {}])),
    ...more,
  })

  async function watching(args: readonly string[] = ['--interval', '1']) {
    const sync = gitopsSync(etcd.port)
    for (const id of ids) sync.write(id)
    const running: Running = sync.start('--watch', ...args)
    await running.said('Sync complete: 3 synced, 0 skipped, 0 errors')
    return {
      sync,
      running,
      async [Symbol.asyncDispose]() {
        await running[Symbol.asyncDispose]()
        sync[Symbol.dispose]()
      },
    }
  }

  test('an edit, a new file, a removed one, a renamed identifier', async () => {
    await using watch = await watching()
    const { sync, running } = watch
    sync.write('chora.a.one', { version: '2.0.0' })
    sync.write('chora.c.four', { requires: ['chora.a.one'] })
    await holds(
      all({ 'chora.a.one': { version: '2.0.0' }, 'chora.c.four': { requires: ['chora.a.one'] } }),
      'edit and addition',
    )
    sync.remove('chora.c.four')
    await holds(all({ 'chora.a.one': { version: '2.0.0' } }), 'removal')
    await running.said('Removed: chora.c.four')
    sync.edit('chora.a.one', (text) => text.replaceAll('chora.a.one', 'chora.a.uno'))
    const { 'chora.a.one': _, ...left } = all()
    await holds({ ...left, 'chora.a.uno': { version: '2.0.0' } }, 'renaming')
    assert.equal(Object.keys(await etcd.dump('/chora/gitops-sync/')).length, 3)
  })

  test('a save is in etcd long before the interval ends', async () => {
    await using watch = await watching(['--interval', '60'])
    const began = performance.now()
    watch.sync.write('chora.a.two', { version: '3.0.0' })
    await holds(all({ 'chora.a.two': { version: '3.0.0' } }), 'the save')
    assert.ok(performance.now() - began < 10_000)
  })

  test('keys deleted and overwritten in etcd, and etcd wiped', async () => {
    await using watch = await watching()
    await etcd.ctl('del', `${prefix}chora.a.one/type`)
    await etcd.ctl('put', `${prefix}chora.a.two/metadata`, '{}')
    await etcd.ctl('del', '--prefix', `${prefix}chora.b.three/`)
    await holds(all(), 'drift')
    const lease = /lease ([0-9a-f]+) granted/.exec(await etcd.ctl('lease', 'grant', '60'))![1]!
    await etcd.ctl('put', `--lease=${lease}`, `${prefix}chora.a.one/health`, '{}')
    watch.sync.remove('chora.a.one')
    await until('all but the leased key is gone', async () => {
      return Object.keys(await etcd.dump(`${prefix}chora.a.one/`)).join() === `${prefix}chora.a.one/health`
    })
    await etcd.wipe()
    const { 'chora.a.one': _, ...left } = all()
    await holds(left, 'the wipe')
  })

  test('an etcd that was away: nothing lost, and written soon after it is back', async () => {
    await using watch = await watching()
    await etcd.stop()
    watch.sync.write('chora.a.one', { version: '4.0.0' })
    await watch.running.said('ERROR - Failed to connect to etcd: ')
    await etcd.start()
    await holds(all({ 'chora.a.one': { version: '4.0.0' } }), 'what changed meanwhile')
    await watch.running.said(/ERROR - Failed to connect[^]*INFO - Connected to etcd/)
  })

  test('the folder vanished or emptied: nothing is removed', async () => {
    await using watch = await watching()
    const { sync, running } = watch
    for (const id of ids) sync.remove(id)
    await running.said(/No capability manifests found[^]*Not removed from etcd[^]*--allow-deletes 3/)
    rmSync(sync.manifests, { recursive: true })
    await running.said('Capabilities directory not found')
    await holds(all(), 'all is still there')
    mkdirSync(sync.manifests)
    for (const id of ids) sync.write(id, { version: '5.0.0' })
    await holds(Object.fromEntries(ids.map((id) => [id, { version: '5.0.0' }])), 'the folder that is back')
  })

  test('files that ended the original: the others go on, each is told of once', async () => {
    await using watch = await watching()
    const { sync, running } = watch
    const at = (name: string) => join(sync.manifests, name)
    symlinkSync('nowhere', at('chora.bad.link.yaml'))
    mkdirSync(at('chora.bad.folder.yaml'))
    writeFileSync(at('chora.a.two.yaml'), 'metadata: [\n')
    sync.write('chora.a.one', { version: '6.0.0' })
    const twin = at('chora.twin.yaml')
    writeFileSync(twin, `metadata: {dc_identifier: chora.b.three, dc_hasVersion: 9.9.9}\nchora_service:\n`)
    await holds(all({ 'chora.a.one': { version: '6.0.0' } }), 'what is good')
    await running.said(/chora\.b\.three\.yaml, chora\.twin\.yaml: dc_identifier chora\.b\.three is in all of them/)
    const cycles = () => running.stderr().split('Sync cycle complete').length
    const before = cycles()
    await until('three more cycles', () => Promise.resolve(cycles() >= before + 3))
    for (const name of ['chora.bad.link', 'chora.bad.folder', 'Failed to parse chora.a.two', 'chora.twin']) {
      assert.equal(running.stderr().split(name).length - 1, 1, name)
    }
    await holds(all({ 'chora.a.one': { version: '6.0.0' } }), 'nothing removed meanwhile')
  })

  test('SIGINT and SIGTERM end it cleanly', async () => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      await using watch = await watching()
      const began = performance.now()
      assert.equal(await watch.running.stop(signal), 0)
      assert.ok(performance.now() - began < 5000)
      assert.match(watch.running.stderr(), /INFO - Watch mode stopped by user\n$/)
      assert.doesNotMatch(watch.running.stderr(), / ERROR /)
      await etcd.ctl('del', '--prefix', '/')
    }
  })
})

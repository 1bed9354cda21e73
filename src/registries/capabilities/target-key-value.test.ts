import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startEtcd, type Etcd } from '../../../tests/parts/etcd.ts'
import { skipWithout } from '../../../tests/parts/find.ts'
import { createEtcd } from '../../connectors/etcd/client.ts'
import { systemClock } from '../../kernel/clock.ts'
import { AppError } from '../../kernel/errors.ts'
import type { KeyValue, KeyValueTransaction } from '../../kernel/key-value.ts'
import type { Layout } from './layout.ts'
import { digestOfCapability, facets } from './model.ts'
import { capability, createLayouts, isOf, targetOn as onStore } from './testing/key-value-target.ts'

const skip = skipWithout('etcd', 'etcdctl')

let etcd: Etcd
let store: KeyValue
const freshLayout = createLayouts()
const targetOn = (layout: Layout, over: KeyValue = store) => onStore(layout, over)

before(async () => {
  if (skip) return
  etcd = await startEtcd()
  store = createEtcd({ endpoints: etcd.endpoints, clock: systemClock })
})

after(async () => {
  await store?.close()
  await etcd?.[Symbol.asyncDispose]()
})

/** The store, with an act before chosen writes and every transaction noted. */
function watched(act: (transaction: KeyValueTransaction, count: number) => Promise<void> | void = () => {}) {
  const writes: KeyValueTransaction[] = []
  const over: KeyValue = {
    ...store,
    async write(transaction, abort) {
      writes.push(transaction)
      await act(transaction, writes.length)
      return store.write(transaction, abort)
    },
  }
  return { over, writes }
}

test('writes four keys and a record, looks the same back, and then nothing more', { skip }, async () => {
  const layout = freshLayout()
  const target = targetOn(layout)
  const one = capability('chora.a.b', '1.2.3', '{"ü": 1}')
  assert.deepEqual(isOf(await target.apply([one])), ['applied'])
  assert.deepEqual(
    await etcd.dump(layout.prefix),
    Object.fromEntries(facets.map((f) => [`${layout.prefix}chora.a.b/${f}`, one[f]])),
  )
  assert.deepEqual(Object.keys(await etcd.dump(layout.inventory!)), [`${layout.inventory}chora.a.b`])

  const { held, mark } = await targetOn(layout).look()
  assert.deepEqual(
    [...held.values()],
    [{ key: 'chora.a.b', digest: digestOfCapability(one), label: '1.2.3', owned: true }],
  )
  const revision = await etcd.revision()
  assert.deepEqual(isOf(await targetOn(layout).apply([one])), ['applied'])
  assert.equal(await etcd.revision(), revision)
  assert.equal((await targetOn(layout).look(mark)).saw, 'unchanged')
})

test('writes only the keys that differ', { skip }, async () => {
  const layout = freshLayout()
  await targetOn(layout).apply([capability('x')])
  const { over, writes } = watched()
  await targetOn(layout, over).apply([capability('x', '2.0.0')])
  assert.deepEqual(
    writes.map(({ operations }) => operations.map(({ key }) => key)),
    [[`${layout.prefix}x/version`]],
  )
  assert.equal(writes[0]!.guards.length, 5)
})

test('packs whole capabilities into transactions of at most 128 operations', { skip }, async () => {
  const layout = freshLayout()
  const { over, writes } = watched()
  const many = Array.from({ length: 103 }, (_, n) => capability(`cap.${n}`))
  const outcomes = await targetOn(layout, over).apply(many)
  assert.equal(outcomes.size, 103)
  assert.deepEqual(
    writes.map(({ operations }) => operations.length).toSorted((a, b) => b - a),
    [125, 125, 125, 125, 15],
  )
  for (const { operations } of writes) {
    const ids = operations.map(({ key }) => /cap\.\d+/.exec(key)![0])
    for (const id of new Set(ids)) assert.equal(ids.filter((each) => each === id).length, 5)
  }
  assert.equal(Object.keys(await etcd.dump(layout.prefix)).length, 412)
})

test(
  'a delete takes exactly its four keys and the record; leased, foreign and sibling keys stay',
  { skip },
  async () => {
    const layout = freshLayout()
    const target = targetOn(layout)
    await target.apply([capability('foo'), capability('foobar'), capability('foo/metadata')])
    const lease = /lease ([0-9a-f]+) granted/.exec(await etcd.ctl('lease', 'grant', '60'))![1]!
    await etcd.ctl('put', `--lease=${lease}`, `${layout.prefix}foo/health`, '{}')
    await etcd.ctl('put', `${layout.prefix}foo/notes`, 'mine')
    await etcd.ctl('put', `${layout.prefix}bare`, 'mine')
    assert.deepEqual(isOf(await targetOn(layout).apply([], ['foo'])), ['applied'])
    const left = Object.keys(await etcd.dump(layout.prefix)).filter((key) => !/\/(foobar|foo\/metadata)\//.test(key))
    assert.deepEqual(left, [`${layout.prefix}bare`, `${layout.prefix}foo/health`, `${layout.prefix}foo/notes`])
    assert.deepEqual([...(await targetOn(layout).look()).held.keys()].toSorted(), ['foo/metadata', 'foobar'])
    const revision = await etcd.revision()
    assert.deepEqual(isOf(await targetOn(layout).apply([], ['foo', 'never.was'])), ['applied', 'applied'])
    assert.equal(await etcd.revision(), revision)
  },
)

test('a key that got a lease since is not removed with the others', { skip }, async () => {
  const layout = freshLayout()
  await targetOn(layout).apply([capability('x')])
  const lease = /lease ([0-9a-f]+) granted/.exec(await etcd.ctl('lease', 'grant', '60'))![1]!
  await etcd.ctl('put', `--lease=${lease}`, `${layout.prefix}x/version`, '9')
  assert.deepEqual(isOf(await targetOn(layout).apply([], ['x'])), ['applied'])
  assert.deepEqual(Object.keys(await etcd.dump(layout.prefix)), [`${layout.prefix}x/version`])
})

test('a key kept alive by a lease is never overwritten', { skip }, async () => {
  const layout = freshLayout()
  const lease = /lease ([0-9a-f]+) granted/.exec(await etcd.ctl('lease', 'grant', '60'))![1]!
  await etcd.ctl('put', `--lease=${lease}`, `${layout.prefix}x/version`, '9')
  const outcomes = await targetOn(layout).apply([capability('x'), capability('y')])
  assert.equal(outcomes.get('y')?.is, 'applied')
  const x = outcomes.get('x')
  assert.ok(x?.is === 'rejected' && x.until === 'target' && x.detail?.includes(`${layout.prefix}x/version`))
  assert.deepEqual(Object.keys(await etcd.dump(`${layout.prefix}x/`)), [`${layout.prefix}x/version`])
})

test('what others wrote is held, and owned only where our record says so', { skip }, async () => {
  const layout = freshLayout()
  await targetOn(layout).apply([capability('ours')])
  for (const facet of facets) await etcd.ctl('put', `${layout.prefix}theirs/${facet}`, capability('theirs')[facet])
  await etcd.ctl('put', `${layout.inventory}elsewhere`, '{"prefix":"/another/"}')
  await etcd.ctl('del', `${layout.prefix}ours/type`)
  const { held } = await targetOn(layout).look()
  assert.deepEqual(
    [...held.values()].map(({ key, owned }) => [key, owned]),
    [
      ['ours', true],
      ['theirs', false],
    ],
  )
  assert.equal(held.get('theirs')!.digest, digestOfCapability(capability('theirs')))
  assert.notEqual(held.get('ours')!.digest, digestOfCapability(capability('ours')))
  // All four keys gone: the record alone still says that something is to be put right or removed.
  await etcd.ctl('del', '--prefix', `${layout.prefix}ours/`)
  assert.equal((await targetOn(layout).look()).held.get('ours')?.owned, true)
})

test('equal without a record: no write; the record comes with the first key that is written', { skip }, async () => {
  const layout = freshLayout()
  for (const facet of facets) await etcd.ctl('put', `${layout.prefix}x/${facet}`, capability('x')[facet])
  const revision = await etcd.revision()
  await targetOn(layout).apply([capability('x')])
  assert.equal(await etcd.revision(), revision)
  await targetOn(layout).apply([capability('x', '2.0.0')])
  assert.equal(Object.keys(await etcd.dump(layout.inventory!)).length, 1)
  assert.equal(await etcd.revision(), revision + 1)
})

test('without an inventory nothing is written outside the prefix, and owned is not told', { skip }, async () => {
  const layout = { ...freshLayout(), inventory: null }
  const target = targetOn(layout)
  await target.apply([capability('x')])
  assert.deepEqual(
    Object.keys(await etcd.dump('/p')).filter((key) => key.startsWith(layout.prefix.slice(0, -'caps/'.length))).length,
    4,
  )
  assert.equal((await target.look()).held.get('x')?.owned, undefined)
  await target.apply([], ['x'])
  assert.deepEqual(await etcd.dump(layout.prefix), {})
})

test('overtaken by another writer: read again and written whole, never half', { skip }, async () => {
  const layout = freshLayout()
  await targetOn(layout).apply([capability('a'), capability('b')])
  const { over, writes } = watched(async (_, count) => {
    if (count === 1) await etcd.ctl('put', `${layout.prefix}a/type`, 'overwritten')
  })
  const target = targetOn(layout, over)
  await target.look()
  const outcomes = await target.apply([capability('a', '2.0.0'), capability('b', '2.0.0')])
  assert.deepEqual(isOf(outcomes), ['applied', 'applied'])
  assert.equal(writes.length, 2)
  assert.equal((await etcd.dump(layout.prefix))[`${layout.prefix}a/type`], 'service')
})

test('overtaken every time: that one failed without effect, the others are written', { skip }, async () => {
  const layout = freshLayout()
  let n = 0
  const { over } = watched(async ({ guards }) => {
    if (guards.some(({ key }) => key.includes('/fought/')))
      await etcd.ctl('put', `${layout.prefix}fought/type`, `other ${++n}`)
  })
  const outcomes = await targetOn(layout, over).apply([capability('fought'), capability('calm')])
  assert.equal(outcomes.get('calm')?.is, 'applied')
  const fought = outcomes.get('fought')
  assert.ok(fought?.is === 'failed' && fought.effect === 'none' && fought.error.code === 'target.conflict')
  assert.deepEqual(Object.keys(await etcd.dump(`${layout.prefix}fought/`)), [`${layout.prefix}fought/type`])
})

test('a value that is too large is rejected alone', { skip }, async () => {
  const layout = freshLayout()
  const large = capability('large', '1.0.0', 'x'.repeat(1_600_000))
  const outcomes = await targetOn(layout).apply([capability('a'), large, capability('b')])
  assert.deepEqual(
    ['a', 'b', 'large'].map((key) => outcomes.get(key)?.is),
    ['applied', 'applied', 'rejected'],
  )
  assert.deepEqual(await etcd.dump(`${layout.prefix}large/`), {})
})

test('a server that takes less at once than is usual gets smaller transactions', { skip }, async () => {
  await using small = await startEtcd({ flags: ['--max-txn-ops=16'] })
  const client = createEtcd({ endpoints: small.endpoints, clock: systemClock })
  const many = Array.from({ length: 40 }, (_, n) => capability(`cap.${n}`))
  const outcomes = await targetOn(freshLayout(), client).apply(many)
  assert.ok(isOf(outcomes).every((is) => is === 'applied'))
  assert.equal(outcomes.size, 40)
  await client.close()
})

test('a full store is one state of the target, not one per capability', { skip }, async () => {
  await using full = await startEtcd({ flags: ['--quota-backend-bytes=2097152'] })
  const client = createEtcd({ endpoints: full.endpoints, clock: systemClock })
  const target = targetOn(freshLayout(), client)
  // The server counts what it has flushed, ten times a second: one round alone may pass.
  const fill = async () => {
    for (let n = 0; n < 200; n += 2) {
      await target.apply([n, n + 1].map((each) => capability(`cap.${each}`, '1.0.0', 'x'.repeat(300_000))))
    }
  }
  await assert.rejects(fill(), (error: AppError) => {
    assert.equal(error.code, 'target.unavailable')
    assert.match(error.detail, /database space exceeded.*quota-backend-bytes/)
    return true
  })
  await client.close()
})

test('a lost lease stops it before the next transaction', { skip }, async () => {
  const { over, writes } = watched()
  const lost = () => {
    throw new AppError('journal.fenced', 'another replica has it')
  }
  await assert.rejects(targetOn(freshLayout(), over).apply([capability('x')], [], lost), { code: 'journal.fenced' })
  assert.equal(writes.length, 0)
})

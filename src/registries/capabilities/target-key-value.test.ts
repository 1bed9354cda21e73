import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startEtcd, type Etcd } from '../../../tests/parts/etcd.ts'
import { skipWithout } from '../../../tests/parts/find.ts'
import { until } from '../../../tests/parts/gitops-sync.ts'
import { createEtcd } from '../../connectors/etcd/client.ts'
import type { Held, Outcome } from '../../engine/target.ts'
import { createKeyValue, keyValueTables } from '../../database/key-value.ts'
import { createMemoryJournal } from '../../database/memory/journal.ts'
import { systemClock } from '../../kernel/clock.ts'
import { AppError } from '../../kernel/errors.ts'
import type { KeyValue, KeyValueTransaction, RangeAsk } from '../../kernel/key-value.ts'
import type { Table } from '../../kernel/table.ts'
import type { Layout } from './layout.ts'
import { digestOfCapability, facets, type Capability } from './model.ts'
import { createKeyValueTarget } from './target-key-value.ts'

const skip = skipWithout('etcd', 'etcdctl')
const signal = new AbortController().signal

let etcd: Etcd
let store: KeyValue
/** A prefix of its own for each test. */
let prefixes = 0

before(async () => {
  if (skip) return
  etcd = await startEtcd()
  store = createEtcd({ endpoints: etcd.endpoints, clock: systemClock })
})

after(async () => {
  await store?.close()
  await etcd?.[Symbol.asyncDispose]()
})

/** Regista's own store, on a journal in memory. */
function ownStore(): KeyValue {
  const tables = keyValueTables as unknown as readonly Table[]
  return createKeyValue({ journal: createMemoryJournal({ clock: systemClock, tables }), newId: () => 'one' })
}

const freshLayout = (): Layout => ({ prefix: `/p${++prefixes}/caps/`, inventory: `/p${prefixes}/inventory/me/` })

const capability = (id: string, version = '1.0.0', metadata = '{}'): Capability => ({
  id,
  metadata,
  type: 'service',
  version,
  dependencies: '[]',
})

function targetOn(layout: Layout, over: KeyValue = store) {
  const target = createKeyValueTarget({ name: 'etcd', store: over, layout })
  async function apply(wanted: readonly Capability[], gone: readonly string[] = [], fence = () => {}) {
    const entry = (item: Capability) => ({ key: item.id, digest: digestOfCapability(item), label: item.version, item })
    const changes = [
      ...wanted.map((item) => ({ key: item.id, op: 'put' as const, entry: entry(item), effectId: 'e' })),
      ...gone.map((key) => ({ key, op: 'delete' as const, effectId: 'e' })),
    ]
    const outcomes = new Map<string, Outcome>()
    const batch = { changes, last: true, owed: null, owe: () => Promise.resolve(), fence }
    for await (const [key, outcome] of target.apply(batch, signal)) outcomes.set(key, outcome)
    return outcomes
  }
  async function look(mark?: string) {
    const seen = await target.look!(mark === undefined ? {} : { mark }, signal)
    if (seen.saw === 'unchanged' || seen.saw === 'unavailable')
      return { saw: seen.saw, held: new Map<string, Held>(), mark }
    const held = new Map([...(seen.items as Iterable<Held>)].map((item) => [item.key, item]))
    return { saw: seen.saw, held, mark: seen.mark, gone: seen.saw === 'delta' ? seen.gone : [] }
  }
  return { ...target, apply, look }
}

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

const isOf = (outcomes: ReadonlyMap<string, Outcome>) => [...outcomes.values()].map((outcome) => outcome.is)

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
  assert.deepEqual(Object.keys(await etcd.dump('/p')).filter((key) => key.startsWith(`/p${prefixes}/`)).length, 4)
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

test('the mark: holds over our own writes, not over those of others, a wipe or a refill', { skip }, async () => {
  await using own = await startEtcd()
  const client = createEtcd({ endpoints: own.endpoints, clock: systemClock })
  const layout = freshLayout()
  const target = targetOn(layout, client)
  await target.apply([capability('a')])
  const { mark } = await target.look()
  await target.apply([capability('a', '2.0.0'), capability('b')], ['never'])
  assert.equal((await target.look(mark)).saw, 'unchanged')
  await own.ctl('put', '/elsewhere', 'x')
  const seen = await target.look(mark)
  assert.deepEqual([seen.saw, seen.held.size], ['delta', 0])
  assert.equal((await target.look(seen.mark)).saw, 'unchanged')

  const revision = await own.revision()
  await own.wipe()
  const again = createEtcd({ endpoints: own.endpoints, clock: systemClock })
  // The same revision of the whole store, and the key that was written last is there, from another one.
  const { key } = (JSON.parse(seen.mark!) as { witness: { key: string } }).witness
  await own.ctl('put', key, 'x')
  while ((await own.revision()) < revision) await own.ctl('put', '/elsewhere', 'x')
  assert.equal((await targetOn(layout, again).look(seen.mark)).saw, 'complete')
  await Promise.all([client.close(), again.close()])
})

test("on Regista's own store: written, changed, removed, and nothing written twice", async () => {
  const own = ownStore()
  const layout = freshLayout()
  const target = targetOn(layout, own)
  const keys = async () => (await own.range({ prefix: '' }, signal)).pairs.map(({ key }) => key)
  const many = Array.from({ length: 300 }, (_, n) => capability(`cap.${n}`))
  await target.look()
  assert.ok(isOf(await target.apply(many)).every((is) => is === 'applied'))
  assert.equal((await keys()).length, 1500)
  const { mark, held } = await target.look()
  assert.equal(held.size, 300)
  assert.equal((await target.look(mark)).saw, 'unchanged')
  const { revision } = await own.range({ prefix: '' }, signal)
  await targetOn(layout, own).apply(many)
  assert.equal((await own.range({ prefix: '' }, signal)).revision, revision)
  // What was just written serves as the guard of what is written next.
  for (const version of ['2.0.0', '3.0.0']) {
    assert.deepEqual(isOf(await target.apply([capability('cap.7', version)])), ['applied'])
  }
  assert.deepEqual(isOf(await target.apply([], ['cap.7', 'cap.8'])), ['applied', 'applied'])
  assert.deepEqual(isOf(await target.apply([capability('cap.7')])), ['applied'])
  assert.equal((await keys()).length, 1495)
  const seen = await target.look(mark)
  assert.deepEqual([seen.saw, seen.held.size], ['delta', 0])
})

/** Both stores, each with somebody else who writes to it. */
const stores: readonly [string, { skip: string | false }, () => KeyValue][] = [
  ['etcd', { skip }, () => store],
  ["Regista's own store", { skip: false }, ownStore],
]
for (const [name, options, open] of stores) {
  test(`on ${name}: a look reads what others changed, and no more`, options, async () => {
    const over = open()
    const layout = freshLayout()
    const ranges: RangeAsk[] = []
    const counted: KeyValue = {
      ...over,
      range(ask, abort) {
        ranges.push(ask)
        return over.range(ask, abort)
      },
    }
    const target = targetOn(layout, counted)
    const put = (key: string, value: string) =>
      over.write(
        { guards: [], operations: [{ op: 'put', key: `${layout.prefix}${key}`, value: Buffer.from(value) }] },
        signal,
      )
    const remove = (key: string) =>
      over.write({ guards: [], operations: [{ op: 'delete', key: `${layout.prefix}${key}` }] }, signal)
    await target.apply(Array.from({ length: 60 }, (_, n) => capability(`cap.${n}`)))
    let { mark } = await target.look()
    const looks = async () => {
      ranges.length = 0
      const seen = await target.look(mark)
      ;({ mark } = seen)
      return {
        saw: seen.saw,
        keys: [...seen.held.keys()].toSorted(),
        whole: ranges.some(
          ({ since, limit, prefix }) => since === undefined && limit === undefined && prefix === layout.prefix,
        ),
      }
    }

    await put('cap.7/version', '9.9.9')
    await put('cap.8/health', '{}')
    await target.apply([capability('cap.9', '2.0.0')], ['cap.10'])
    assert.deepEqual(await looks(), { saw: 'delta', keys: ['cap.7'], whole: false })
    assert.deepEqual(await looks(), { saw: 'unchanged', keys: [], whole: false })

    // A capability that others wrote.
    await put('theirs/type', 'service')
    assert.deepEqual(await looks(), { saw: 'delta', keys: ['theirs'], whole: false })
    // What is removed shows in the number of keys: everything is read.
    await remove('cap.3/type')
    const removed = await looks()
    assert.deepEqual([removed.saw, removed.whole, removed.keys.length], ['complete', true, 60])
    await remove('cap.8/health')
    assert.equal((await looks()).saw, 'complete')
    assert.equal((await looks()).saw, 'unchanged')
  })

  test(`on ${name}: tells of what others write, not of our own`, options, async () => {
    const over = open()
    const layout = freshLayout()
    const target = targetOn(layout, over)
    await target.apply([capability('a')])
    await target.look()
    const stop = new AbortController()
    let told = 0
    const listening = (async () => {
      for await (const _ of target.hints!(stop.signal)) told += 1
    })()
    const other = (value: string) =>
      over.write(
        { guards: [], operations: [{ op: 'put', key: `${layout.prefix}a/version`, value: Buffer.from(value) }] },
        signal,
      )
    // Until the watch stands, what is written is not told of.
    let n = 0
    await until('a hint', async () => {
      await other(`${(n += 1)}`)
      return told > 0
    })
    await target.look()
    told = 0
    for (const version of ['2.0.0', '3.0.0', '4.0.0']) await target.apply([capability('a', version)])
    await target.apply([capability('b')], ['a'])
    await target.apply([capability('a')])
    await target.look()
    await other('theirs')
    await until('a hint', () => Promise.resolve(told > 0))
    assert.equal(told, 1)
    stop.abort()
    await listening
  })
}

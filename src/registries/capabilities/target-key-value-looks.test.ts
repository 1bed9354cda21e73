/** Looks of the target: what they cost, what they find, and what brings them forward. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startEtcd, type Etcd } from '../../../tests/parts/etcd.ts'
import { skipWithout } from '../../../tests/parts/find.ts'
import { until } from '../../../tests/parts/gitops-sync.ts'
import { createEtcd } from '../../connectors/etcd/client.ts'
import { systemClock } from '../../kernel/clock.ts'
import type { KeyValue, RangeAsk } from '../../kernel/key-value.ts'
import { capability, createLayouts, isOf, ownStore, targetOn } from './testing/key-value-target.ts'

const skip = skipWithout('etcd', 'etcdctl')
const signal = new AbortController().signal
const freshLayout = createLayouts()

let etcd: Etcd
let store: KeyValue

before(async () => {
  if (skip) return
  etcd = await startEtcd()
  store = createEtcd({ endpoints: etcd.endpoints, clock: systemClock })
})

after(async () => {
  await store?.close()
  await etcd?.[Symbol.asyncDispose]()
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

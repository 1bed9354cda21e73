import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Observed } from '../../connectors/kubernetes/list-watch.ts'
import { createFakeClock } from '../../engine/testing/fake-clock.ts'
import type { Target } from '../../engine/target.ts'
import { AppError } from '../../kernel/errors.ts'
import { readLease, type Lease } from '../../connectors/kubernetes/leases.ts'
import { leasesQuery } from './builders-lease.ts'
import { createLeasedBuilders, type LeasedBuilder } from './builders.ts'
import type { ModuleDocument } from './model.ts'

const { signal } = new AbortController()
const address = (n: number) => `10-0-0-${n}.d8-system.pod.cluster.local:8081`

/** A watch that a test speaks for, and the set on it. */
function watched(more: { readonly allNamespaces?: boolean } = {}) {
  const clock = createFakeClock()
  const said: Observed<Lease>[] = []
  let wake = () => {}
  let fail: AppError | null = null
  let begun = 0
  const closed: string[] = []
  const opened: LeasedBuilder[] = []
  async function* watch(stop: AbortSignal): AsyncGenerator<Observed<Lease>> {
    begun += 1
    while (!stop.aborted) {
      while (said.length > 0) yield said.shift()!
      if (fail !== null) throw fail
      await new Promise<void>((resolve) => {
        wake = resolve
        stop.addEventListener('abort', () => resolve(), { once: true })
      })
    }
  }
  const open = (builder: LeasedBuilder): Target<ModuleDocument> => {
    opened.push(builder)
    return { name: builder.name, close: () => Promise.resolve(void closed.push(builder.identity)) } as never
  }
  const set = createLeasedBuilders({ name: 'docs', watch, open, clock, random: () => 0.5, ...more })
  const say = async (...seen: Observed<Lease>[]) => {
    said.push(...seen)
    wake()
    await clock.settle()
  }
  let changes = 0
  const listen = async () => {
    for await (const _ of set.changes(signal)) changes += 1
  }
  return {
    clock,
    set,
    say,
    closed,
    opened,
    listen,
    get begun() {
      return begun
    },
    get changes() {
      return changes
    },
    async fails(error: AppError | null) {
      fail = error
      wake()
      await clock.settle()
    },
    /** Names of the targets, and whether all is told. */
    async list() {
      const list = await clock.drive(set.list(signal))
      return [list.saw, ...(list.targets ?? []).map(({ name }) => name)]
    },
    put: (key: string, n: number, lease: Partial<Lease> & { readonly uid?: string } = {}): Observed<Lease> => {
      const { uid = `uid-${key}`, ...item } = lease
      return { is: 'put', key, uid, item: { holder: address(n), renewed: clock.now(), duration: 35_000, ...item } }
    },
  }
}

const synced: Observed<Lease> = { is: 'synced' }
const lost: Observed<Lease> = { is: 'lost', why: new AppError('source.unavailable', 'connection refused') }

test('is unavailable until the leases were read, then knows each holder', async () => {
  const on = watched()
  const list = on.clock.drive(on.set.list(signal))
  await on.say(on.put('ns/b', 2), on.put('ns/a', 1))
  assert.equal((await list).saw, 'unavailable')
  await on.say(synced)
  assert.deepEqual(await on.list(), ['complete', 'docs/a', 'docs/b'])
  assert.deepEqual(
    on.opened.find(({ name }) => name === 'docs/a'),
    { name: 'docs/a', address: address(1), identity: `uid-ns/a ${address(1)}`, newcomer: false },
  )
  await on.set.close()
  assert.deepEqual([on.closed.length, on.begun], [2, 1])
})

test('who comes after the first list is a newcomer, unless it is one that went and returns', async () => {
  const on = watched()
  await on.say(on.put('ns/a', 1), synced)
  await on.list()
  await on.say(on.put('ns/b', 2), { is: 'gone', key: 'ns/a', uid: 'uid-ns/a' })
  await on.list()
  await on.say(on.put('ns/a', 1))
  await on.list()
  assert.deepEqual(
    on.opened.map(({ name, newcomer }) => [name, newcomer]),
    [
      ['docs/a', false],
      ['docs/b', true],
      ['docs/a', false],
    ],
  )
  await on.set.close()
})

test('a first question waits for the first answer, and a lost cluster is one', async () => {
  const on = watched()
  const list = on.set.list(signal)
  await on.say(on.put('ns/a', 1), synced)
  assert.deepEqual((await list).saw, 'complete')
  const down = watched()
  const asked = down.set.list(signal)
  await down.say(lost)
  assert.deepEqual(await asked, {
    saw: 'unavailable',
    detail: 'source could not be read: connection refused',
    targets: [],
  })
  assert.equal(down.clock.sleeping, 0)
})

test('tells of what comes, goes and changes hands, and not of renewals', async () => {
  const on = watched()
  void on.listen()
  await on.say(on.put('ns/a', 1), synced)
  await on.list()
  const before = on.changes
  for (let turn = 0; turn < 5; turn += 1) {
    await on.clock.advance(30_000)
    await on.say(on.put('ns/a', 1))
  }
  assert.equal(on.changes, before)
  await on.say(on.put('ns/b', 2))
  assert.equal(on.changes, before + 1)
  const [first] = (await on.set.list(signal)).targets!
  await on.say(on.put('ns/a', 3))
  assert.equal(on.changes, before + 2)
  const [second] = (await on.set.list(signal)).targets!
  assert.notEqual(second, first)
  assert.deepEqual([second!.name, on.opened.at(-1)!.identity], ['docs/a', `uid-ns/a ${address(3)}`])
  assert.deepEqual(on.closed, [])
  await on.list()
  assert.deepEqual(on.closed, [`uid-ns/a ${address(1)}`])
  // The same holder on a lease that was made anew.
  await on.say({ is: 'gone', key: 'ns/a', uid: 'uid-ns/a' }, on.put('ns/a', 3, { uid: 'other' }))
  assert.equal(on.changes, before + 3)
  await on.say({ is: 'gone', key: 'ns/a', uid: 'uid-ns/a' })
  assert.deepEqual(await on.list(), ['complete', 'docs/a', 'docs/b'])
  await on.say({ is: 'gone', key: 'ns/a', uid: 'other' })
  assert.deepEqual(await on.list(), ['complete', 'docs/b'])
  await on.set.close()
})

test('the same targets are given again as long as nothing changes', async () => {
  const on = watched()
  await on.say(on.put('ns/a', 1), synced)
  await on.list()
  const [one, two] = [await on.set.list(signal), await on.set.list(signal)]
  assert.equal(one.targets![0], two.targets![0])
  await on.set.close()
})

test('a lease that is not renewed runs out, with a grace; and counts again once it is', async () => {
  const on = watched()
  void on.listen()
  await on.say(
    on.put('ns/a', 1),
    on.put('ns/dead', 2, { renewed: on.clock.now() - 600_000 }),
    on.put('ns/forever', 3, { duration: null }),
    synced,
  )
  assert.deepEqual(await on.list(), ['complete', 'docs/a', 'docs/forever'])
  const before = on.changes
  await on.clock.advance(64_999)
  assert.equal(on.changes, before)
  await on.clock.advance(1)
  assert.equal(on.changes, before + 1)
  assert.deepEqual(await on.list(), ['complete', 'docs/forever'])
  assert.deepEqual(
    on.set.leases().map(({ lease, state }) => [lease, state]),
    [
      ['ns/a', 'expired'],
      ['ns/dead', 'expired'],
      ['ns/forever', 'held'],
    ],
  )
  await on.say(on.put('ns/a', 1))
  assert.deepEqual(await on.list(), ['complete', 'docs/a', 'docs/forever'])
  await on.set.close()
})

test('a builder whose clock is wrong counts as long as its renewals come', async () => {
  const on = watched()
  const put = (off: number) => on.put('ns/a', 1, { renewed: on.clock.now() + off })
  for (const off of [-3_600_000, 3_600_000]) {
    await on.say({ is: 'gone', key: 'ns/a', uid: 'uid-ns/a' }, put(off), synced)
    for (let turn = 0; turn < 3; turn += 1) {
      await on.clock.advance(30_000)
      await on.say(put(off))
      assert.deepEqual(await on.list(), ['complete', 'docs/a'])
    }
    await on.clock.advance(66_000)
    assert.deepEqual(await on.list(), ['complete'])
  }
  await on.set.close()
})

test('while the watch is lost nothing runs out, and when it is back nobody goes before he could be told of', async () => {
  const on = watched()
  await on.say(on.put('ns/a', 1), synced)
  await on.list()
  await on.say(lost)
  await on.clock.advance(600_000)
  assert.deepEqual(await on.list(), ['unavailable', 'docs/a'])
  await on.say(synced)
  assert.deepEqual(await on.list(), ['complete', 'docs/a'])
  await on.clock.advance(30_000)
  await on.say(on.put('ns/a', 1))
  await on.clock.advance(60_000)
  assert.deepEqual(await on.list(), ['complete', 'docs/a'])
  await on.clock.advance(6_000)
  assert.deepEqual(await on.list(), ['complete'])
  await on.set.close()
})

test('a watch that ends with an error is begun again', async () => {
  const on = watched()
  await on.say(on.put('ns/a', 1), synced)
  await on.list()
  await on.fails(new AppError('internal', 'a defect'))
  assert.deepEqual(await on.list(), ['unavailable', 'docs/a'])
  await on.fails(null)
  await on.clock.advance(60_000)
  await on.say(on.put('ns/a', 1), synced)
  assert.deepEqual([await on.list(), on.begun], [['complete', 'docs/a'], 2])
  await on.set.close()
})

test('a holder that is none is shown, and is no target', async () => {
  const on = watched()
  const malformed = ['', 'host/../path', 'a b:1', 'me:pw@host:1']
  await on.say(...malformed.map((holder, n) => on.put(`ns/${n}`, 0, { holder })), synced)
  assert.deepEqual(await on.list(), ['complete'])
  assert.deepEqual(
    on.set.leases().map(({ state }) => state),
    malformed.map(() => 'malformed'),
  )
  await on.set.close()
})

test('of all namespaces, names tell which', async () => {
  const on = watched({ allNamespaces: true })
  await on.say(on.put('x/a', 1), on.put('y/a', 2), synced)
  assert.deepEqual(await on.list(), ['complete', 'docs/x/a', 'docs/y/a'])
  await on.set.close()
})

test('of a lease only what is needed is kept, whatever is in it', () => {
  const metadata = { name: 'a', uid: 'u' }
  const spec = {
    holderIdentity: 'h:1',
    renewTime: '2026-01-02T03:04:05.678901Z',
    leaseDurationSeconds: 35,
    leaseTransitions: 1,
  }
  assert.deepEqual(readLease({ metadata, spec }), {
    holder: 'h:1',
    renewed: Date.parse('2026-01-02T03:04:05.678Z'),
    duration: 35_000,
  })
  const nothing = { holder: null, renewed: null, duration: null }
  for (const odd of [
    undefined,
    null,
    {},
    { holderIdentity: null, renewTime: 'soon', leaseDurationSeconds: -1 },
    { holderIdentity: 5 },
  ]) {
    assert.deepEqual(readLease({ metadata, spec: odd }), nothing)
  }
  const { path, labelSelector } = leasesQuery('d8-system')
  assert.equal(path, '/apis/coordination.k8s.io/v1/namespaces/d8-system/leases')
  assert.equal(labelSelector, 'deckhouse.io/documentation-builder-sync')
  assert.equal(leasesQuery(null).path, '/apis/coordination.k8s.io/v1/leases')
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { createMemoryJournal } from '../../../database/memory/journal.ts'
import { createFakeClock } from '../../../engine/testing/fake-clock.ts'
import type { Journal } from '../../../engine/journal.ts'
import { engineTables } from '../../../engine/tables.ts'
import { AppError } from '../../../kernel/errors.ts'
import { silentLogger as logger } from '../../../kernel/logger.ts'
import type { Table } from '../../../kernel/table.ts'
import { createStatuses, type Statuses } from './statuses.ts'
import type { Told } from './told.ts'
import { claimClusters, claimStatuses } from '../tables.ts'

const sync = 's'
const tables = [...engineTables, claimStatuses, claimClusters] as unknown as readonly Table[]
const limits = { claims: 1000, clusters: 10, message: 100 }

function ground(more: { journal?: Journal; limits?: Partial<typeof limits> } = {}) {
  const clock = createFakeClock()
  const journal = more.journal ?? createMemoryJournal({ tables, clock, logger })
  const open = (over: Partial<Journal> = {}) =>
    createStatuses({ sync, journal: { ...journal, ...over }, limits: { ...limits, ...more.limits }, since: 0 })
  return { journal, open, statuses: open() }
}

const plain = (claimRef: string, message: string | null, more: Partial<Told> = {}): Told => ({
  cluster: 'c',
  claimRef,
  object: null,
  message,
  health: null,
  observedAt: null,
  generation: null,
  ...more,
})
const object = { group: 'g.io', kind: 'Db', namespace: 'ns', name: 'a' }
const named = (message: string | null, more: Partial<Told> = {}): Told => plain('ns/a', message, { object, ...more })

async function tell(statuses: Statuses, told: readonly Told[], at = 1000): Promise<string[]> {
  return (await statuses.tell(told, 'me', at)).map(({ result }) => result.status)
}

async function shown(statuses: Statuses): Promise<Record<string, string>> {
  const all = [...(await statuses.clusters()).values()].flatMap(({ plain: one, objects }) => [
    ...one.values(),
    ...objects.values(),
  ])
  return Object.fromEntries(all.filter(({ state }) => state === 'live').map(({ key, message }) => [key, message]))
}

describe('statuses', () => {
  it('are written with an event when they are new, and only then', async () => {
    const { journal, statuses } = ground()
    assert.deepEqual(await tell(statuses, [plain('r', 'one'), plain('r2', 'x')]), ['created', 'created'])
    assert.deepEqual(await tell(statuses, [plain('r', 'one')], 2000), ['unchanged'])
    assert.deepEqual(await tell(statuses, [plain('r', 'two')], 3000), ['updated'])
    const events = await journal.events({ sync, key: 'c/r' })
    assert.deepEqual(
      events.map(({ type }) => type),
      ['claim.created', 'claim.updated'],
    )
    const row = await journal.get(claimStatuses, { sync, key: 'c/r' })
    assert.equal(row?.message, 'two')
    assert.equal(row?.observedAt, 3000)
    assert.equal((await journal.head()).seq, 3)
  })

  it('are known again after a restart', async () => {
    const { open, journal } = ground()
    const strange = 'NUL \u0000, quote ", \u2028'
    await tell(open(), [plain('r', strange), named('m', { health: 'active', generation: 3, claimRef: 'other' })])
    const again = open()
    assert.deepEqual(await shown(again), { 'c/r': strange, 'c/g.io/Db/ns/a': 'm' })
    const told = [plain('r', strange), named('m', { health: 'active', generation: 3, claimRef: 'other' })]
    assert.deepEqual(await tell(again, told), ['unchanged', 'unchanged'])
    assert.equal((await journal.head()).seq, 2)
  })

  it('are not confused by slashes', async () => {
    const { statuses } = ground()
    await tell(statuses, [plain('c', 'one', { cluster: 'a/b' }), plain('b/c', 'two', { cluster: 'a' })])
    assert.deepEqual(await shown(statuses), { 'a%2Fb/c': 'one', 'a/b%2Fc': 'two' })
  })

  it('that were observed before what is held are not applied', async () => {
    const { statuses } = ground()
    await tell(statuses, [named('new', { observedAt: 500, generation: 2 })])
    assert.deepEqual(await tell(statuses, [named('old', { observedAt: 400 })]), ['older'])
    assert.deepEqual(await tell(statuses, [named('old', { observedAt: 500, generation: 1 })]), ['older'])
    assert.deepEqual(await tell(statuses, [named('same time', { observedAt: 500, generation: 2 })]), ['updated'])
    // Arrival alone is always news, also when the clock was set back.
    assert.deepEqual(await tell(statuses, [named('untold')], 100), ['updated'])
  })

  it('cannot be kept out by a clock that is ahead', async () => {
    const { statuses } = ground()
    await tell(statuses, [named('ahead', { observedAt: 1_000_000 })], 1000)
    assert.deepEqual(await tell(statuses, [named('later', { observedAt: 1001 })], 1002), ['updated'])
  })

  it('that are the same, but later, keep out what lies between', async () => {
    const { statuses } = ground()
    await tell(statuses, [named('a', { observedAt: 100 })])
    await tell(statuses, [named('a', { observedAt: 900 })])
    assert.deepEqual(await tell(statuses, [named('b', { observedAt: 500 })]), ['older'])
  })

  it('are gone when that is told, and nothing from before brings them back', async () => {
    const { statuses, open } = ground()
    await tell(statuses, [named('a', { observedAt: 100 })])
    assert.deepEqual(await tell(statuses, [named(null, { observedAt: 50 })]), ['older'])
    assert.deepEqual(await tell(statuses, [named(null, { observedAt: 200 }), plain('none', null)]), [
      'removed',
      'absent',
    ])
    assert.deepEqual(await shown(statuses), {})
    const again = open()
    assert.deepEqual(await tell(again, [named('a', { observedAt: 150 }), named(null)]), ['older', 'absent'])
    assert.deepEqual(await tell(again, [named('a', { observedAt: 250 })]), ['created'])
  })

  it('of an object supersede those of its three fields', async () => {
    const { statuses, journal } = ground()
    await tell(statuses, [plain('ns/a', 'old informer')])
    await tell(statuses, [named('new informer')])
    assert.deepEqual(await shown(statuses), { 'c/g.io/Db/ns/a': 'new informer' })
    const events = await journal.events({ sync, key: 'c/ns%2Fa', last: true, limit: 1 })
    assert.deepEqual([events[0]?.type, events[0]?.reason], ['claim.removed', 'superseded'])
    assert.deepEqual(await tell(statuses, [plain('ns/a', 'old informer')]), ['older'])
    // The new one was taken away again.
    assert.deepEqual(await tell(statuses, [plain('ns/a', 'old informer')], 1000 + 3_600_000), ['created'])
    assert.deepEqual(await shown(statuses), { 'c/ns%2Fa': 'old informer' })
  })

  it('of a whole cluster prune what was not observed since', async () => {
    const { statuses } = ground()
    const b = { ...object, name: 'b' }
    const other = { ...object, kind: 'Vm' }
    const before = [
      named('a', { observedAt: 100 }),
      named('b', { object: b, claimRef: 'ns/b', observedAt: 100 }),
      named('vm', { object: other, claimRef: 'x', observedAt: 100 }),
      plain('three', 'fields', { observedAt: 100 }),
      plain('elsewhere', 'x', { cluster: 'd' }),
    ]
    await tell(statuses, before)
    await tell(statuses, [named('new', { object: { ...object, name: 'late' }, claimRef: 'ns/late', observedAt: 600 })])
    const whole = { cluster: 'c', told: [named('a', { observedAt: 500 })], observedAt: 500 }
    const some = await statuses.tellWhole({ ...whole, of: [{ group: 'g.io', kind: 'Db' }] }, 'me', 1000)
    assert.deepEqual([some.verdicts.map(({ result }) => result.status), some.removed], [['unchanged'], 1])
    const left = ['c/g.io/Db/ns/a', 'c/g.io/Db/ns/late', 'c/g.io/Vm/ns/a', 'c/three', 'd/elsewhere']
    assert.deepEqual(Object.keys(await shown(statuses)).toSorted(), left)
    assert.equal((await statuses.tellWhole({ ...whole, of: null }, 'me', 1000)).removed, 2)
    assert.deepEqual(Object.keys(await shown(statuses)).toSorted(), [
      'c/g.io/Db/ns/a',
      'c/g.io/Db/ns/late',
      'd/elsewhere',
    ])
  })

  it('are refused beyond the limits', async () => {
    const { statuses } = ground({ limits: { claims: 2, clusters: 1 } })
    const verdicts = await statuses.tell(
      [
        plain('1', 'x'.repeat(100)),
        plain('2', 'é'.repeat(51)),
        plain('3', 'x', { cluster: 'd' }),
        plain('x'.repeat(2000), 'x'),
        plain('4', 'x'),
        plain('5', 'x'),
        plain('1', 'y'),
      ],
      'me',
      1,
    )
    const said = verdicts.map(({ result, refusal }) => refusal ?? result.status)
    assert.deepEqual(said, ['created', 'too-long', 'too-many', 'too-long', 'created', 'too-many', 'updated'])
  })

  it('are not acknowledged before they are durable, also when somebody else sent the same', async () => {
    const { open, journal } = ground()
    const gate = Promise.withResolvers<void>()
    const statuses = open({ commit: (...given) => gate.promise.then(() => journal.commit(...given)) })
    await statuses.clusters()
    let answered = 0
    const both = [0, 1].map(async () => {
      await tell(statuses, [plain('r', 'm')])
      answered += 1
    })
    await new Promise(setImmediate)
    assert.equal(answered, 0)
    gate.resolve()
    await Promise.all(both)
    assert.equal((await journal.head()).seq, 1)
  })

  it('are as the ledger has them after it could not be written', async () => {
    const { open, journal } = ground()
    let full = false
    const commit: Journal['commit'] = (...given) =>
      full ? Promise.reject(new AppError('journal.full', 'no room')) : journal.commit(...given)
    const statuses = open({ commit })
    await tell(statuses, [plain('r', 'one')])
    full = true
    const lost = [plain('r', 'two'), plain('new', 'x')]
    await assert.rejects(tell(statuses, lost), { code: 'journal.full' })
    full = false
    assert.deepEqual(await tell(statuses, [plain('r', 'one')]), ['unchanged'])
    assert.deepEqual(await shown(statuses), { 'c/r': 'one' })
    assert.deepEqual(await tell(statuses, lost), ['updated', 'created'])
  })

  it('that were forgotten do not come back', async () => {
    const { open, journal } = ground()
    await tell(open(), [plain('r', 'one')])
    await journal.commit([
      {
        table: 'sync',
        put: { sync: 'x', registry: 'claims', state: 'active' },
        event: { type: 'sync.forgotten', sync },
      },
    ])
    assert.deepEqual(await shown(open()), {})
  })

  it('of several processes on one ledger end as the last of them said', async () => {
    const step = fc.record({ by: fc.nat(2), ref: fc.nat(2), message: fc.nat(2), together: fc.boolean() })
    const property = fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
      const { open, journal } = ground()
      const several = [0, 1, 2].map(() => open({ shared: true }))
      let running: Promise<unknown>[] = []
      for (const { by, ref, message, together } of steps) {
        const told = plain(`r${ref}`, `m${message}`)
        running.push(tell(several[by]!, [told]))
        if (together) continue
        await Promise.all(running)
        running = []
        await tell(several[by]!, [told])
        assert.equal((await journal.get(claimStatuses, { sync, key: `c/r${ref}` }))?.message, `m${message}`)
      }
      await Promise.all(running)
      const rows = await journal.select(claimStatuses, { where: { sync } })
      const expected = Object.fromEntries(rows.map(({ key, message }) => [key, message]))
      for (const one of several) assert.deepEqual(await shown(one), expected)
    })
    await fc.assert(property, { numRuns: 30 })
  })
})

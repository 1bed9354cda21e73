/**
 * What every journal must do, whatever it is stored in. A journal's own test calls `journalContract`
 * with a way to open an empty one.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Ms } from '../../kernel/clock.ts'
import { AppError, type ErrorCode } from '../../kernel/errors.ts'
import { drop, put, quietPatch, quietly, quietlyDrop, type EventDraft, type Fact, type Journal } from '../journal.ts'
import { deliveries, entries, syncs, type EntryRow } from '../tables.ts'
import { journalPatches } from './journal-contract-patches.ts'
import { journalReads } from './journal-contract-reads.ts'
import { journalScans } from './journal-contract-scans.ts'
import { journalModel } from './journal-model.ts'
import { delivery, entry, sync } from './journal-rows.ts'

export interface JournalUnderTest {
  readonly journal: Journal
  /** Lets this time pass for events and leases. */
  pass(ms: Ms): Promise<void>
  /** Closes it and opens the same state again; absent where nothing outlives the process. */
  readonly reopen?: () => Promise<JournalUnderTest>
  dispose(): Promise<void>
}

export function journalContract(
  name: string,
  open: () => Promise<JournalUnderTest>,
  options: { readonly skip?: string | false; readonly runs?: number } = {},
): void {
  describe(`journal on ${name}`, { skip: options.skip ?? false }, () => {
    let under: JournalUnderTest
    before(async () => {
      under = await open()
    })
    after(() => under?.dispose())
    const journal = () => under.journal

    describe('facts', () => facts(journal))
    describe('conditions', () => conditions(journal))
    describe('patches', () => journalPatches(journal))
    describe('bookkeeping', () => bookkeeping(journal))
    describe('groups', () => groups(journal))
    describe('reads', () => journalReads(journal))
    describe('scans', () => journalScans(journal))
    describe('leases', () => leases(() => under))
    describe('model', () => journalModel(journal, options.runs ?? 40))
    describe('life', () => life(open))
  })
}

function facts(journal: () => Journal): void {
  it('puts a row and its event at one position', async () => {
    const [seq] = await journal().commit([put(syncs, sync('facts.a'), appeared('facts.a'))])
    const row = await journal().get(syncs, { sync: 'facts.a' })
    assert.deepEqual(row, { ...sync('facts.a'), seq })
    const events = await journal().events({ after: (seq as number) - 1 })
    assert.deepEqual(
      events.map(({ at: _at, ...event }) => event),
      [{ seq, ...appeared('facts.a') }],
    )
    assert.equal((await journal().head()).seq, seq)
  })

  it('writes nothing where the row is already the same', async () => {
    const row = entry('facts.b', 'k', { item: { b: 1, a: [1, null, 'x'] } })
    await journal().commit([put(entries, row, appeared('facts.b'))])
    const head = await journal().head()
    const again = { ...row, item: { a: [1, null, 'x'], b: 1 } }
    assert.deepEqual(await journal().commit([put(entries, again, appeared('facts.b'))]), ['unchanged'])
    assert.deepEqual(await journal().head(), head)
  })

  it('drops a row with an event, and says unchanged where there is none', async () => {
    await journal().commit([put(syncs, sync('facts.c'), appeared('facts.c'))])
    const gone = { type: 'sync.forgotten', sync: 'facts.c' }
    const [first, second] = await journal().commit([
      drop(syncs, { sync: 'facts.c' }, gone),
      drop(syncs, { sync: 'facts.c' }, gone),
    ])
    assert.equal(typeof first, 'number')
    assert.equal(second, 'unchanged')
    assert.equal(await journal().get(syncs, { sync: 'facts.c' }), null)
  })

  it('keeps every event of a row that changes several times at once, and its last form', async () => {
    const forms = ['1', '2', '3'].map((label) => entry('facts.d', 'k', { label }))
    const results = await journal().commit(
      forms.map((row) => put(entries, row, { type: 'entry.changed', sync: 'facts.d' })),
    )
    const [first] = results as number[]
    assert.deepEqual(results, [first, first! + 1, first! + 2])
    const row = await journal().get(entries, forms[2]!)
    assert.deepEqual([row?.label, row?.seq], ['3', first! + 2])
    assert.equal((await journal().events({ sync: 'facts.d' })).length, 3)
  })

  it('tells the history of a row that is gone again within one commit', async () => {
    const row = entry('facts.e', 'k')
    const results = await journal().commit([
      put(entries, row, { type: 'entry.appeared', sync: 'facts.e' }),
      drop(entries, { sync: 'facts.e', scope: '', key: 'k' }, { type: 'entry.gone', sync: 'facts.e' }),
    ])
    assert.ok(results.every((result) => typeof result === 'number'))
    assert.equal(await journal().get(entries, row), null)
    assert.equal((await journal().events({ sync: 'facts.e' })).length, 2)
  })

  it('refuses text that no database keeps, alone', async () => {
    const poison = (label: string) =>
      journal().commit([put(entries, entry('facts.f', 'bad', { label }), appeared('facts.f'))])
    const [nul, half, good] = await Promise.allSettled([
      poison('a\0b'),
      poison('\ud800'),
      journal().commit([put(entries, entry('facts.f', 'good'), appeared('facts.f'))]),
    ])
    assert.equal(codeOf(nul), 'request.invalid')
    assert.equal(codeOf(half), 'request.invalid')
    assert.equal(good.status, 'fulfilled')
    await rejects(
      journal().commit([put(entries, entry('facts.f', 'k'.repeat(3000)), appeared('facts.f'))]),
      'request.invalid',
    )
    const json = entry('facts.f', 'json', { item: { 'any\0key': '\ud800' } })
    await journal().commit([put(entries, json, appeared('facts.f'))])
    assert.deepEqual((await journal().get(entries, json))?.item, json.item)
  })

  it('keeps any text and number as it is', async () => {
    const odd = ["'; DROP TABLE entry; --", 'a\\b"c{d,e}', 'NULL', '', '\n\t', 'ü 漢 😀', '%_']
    const rows = odd.map((text) =>
      entry('facts.g', text, { label: text, item: [text, 1e21, -0.5], misses: 2 ** 53 - 1 }),
    )
    await journal().commit(
      rows.map((row) => put(entries, row, { ...appeared('facts.g'), key: row.key, data: row.item })),
    )
    for (const row of rows) {
      const { seq: _, ...found } = (await journal().get(entries, row))!
      assert.deepEqual(found, row)
      const [event] = await journal().events({ sync: 'facts.g', key: row.key })
      assert.deepEqual(event?.data, row.item)
    }
  })
}

function conditions(journal: () => Journal): void {
  it('absent: only where there is no row', async () => {
    const fact = put(syncs, sync('when.a'), appeared('when.a'), 'absent')
    assert.equal(typeof (await journal().commit([fact]))[0], 'number')
    assert.deepEqual(await journal().commit([fact]), ['conflict'])
  })

  it('seq: only while the row is at that position', async () => {
    const [seq] = (await journal().commit([put(syncs, sync('when.b'), appeared('when.b'))])) as [number]
    const pause = (at: number) =>
      put(syncs, sync('when.b', 'paused'), { type: 'sync.paused', sync: 'when.b' }, { seq: at })
    assert.deepEqual(await journal().commit([pause(seq + 1)]), ['conflict'])
    const [moved] = (await journal().commit([pause(seq)])) as [number]
    assert.ok(moved > seq)
    assert.deepEqual(await journal().commit([pause(seq)]), ['conflict'])
    const forget = (at: number) => drop(syncs, { sync: 'when.b' }, { type: 'sync.forgotten' }, { seq: at })
    assert.deepEqual(await journal().commit([forget(seq)]), ['conflict'])
    assert.equal(typeof (await journal().commit([forget(moved)]))[0], 'number')
    assert.deepEqual(await journal().commit([forget(moved)]), ['conflict'])
  })

  it('newer-ordinal: only what is newer, element by element', async () => {
    const at = (ordinal: EntryRow['ordinal'], label: string) =>
      journal().commit([put(entries, entry('when.c', 'k', { ordinal, label }), appeared('when.c'), 'newer-ordinal')])
    const changed = async (ordinal: EntryRow['ordinal'], label: string) => typeof (await at(ordinal, label))[0]
    assert.equal(await changed([5, 'b'], 'first'), 'number')
    assert.deepEqual(await at([5, 'b'], 'first'), ['unchanged'])
    assert.deepEqual(await at([5, 'b'], 'other'), ['conflict'])
    assert.deepEqual(await at([5, 'a'], 'other'), ['conflict'])
    assert.deepEqual(await at(null, 'other'), ['conflict'])
    assert.equal(await changed([10, 'a'], 'second'), 'number')
    assert.equal(await changed([10, 'a', 0], 'longer'), 'number')
    assert.equal(await changed(['text'], 'after numbers'), 'number')
  })

  it('atomic: one conflict and nothing of the commit happens', async () => {
    await journal().commit([put(syncs, sync('when.d'), appeared('when.d'))])
    const head = await journal().head()
    const all: Fact[] = [
      put(syncs, sync('when.e'), appeared('when.e')),
      put(syncs, sync('when.d'), appeared('when.d'), 'absent'),
      put(syncs, sync('when.f'), appeared('when.f')),
    ]
    const quiet = [quietly(syncs, sync('when.g'))]
    assert.deepEqual(await journal().commit(all, { atomic: true, quiet }), ['conflict', 'conflict', 'conflict'])
    assert.deepEqual(await journal().head(), head)
    for (const name of ['when.e', 'when.f', 'when.g']) assert.equal(await journal().get(syncs, { sync: name }), null)

    const [first, second, third] = await journal().commit(all, { quiet })
    assert.deepEqual([typeof first, second, typeof third], ['number', 'conflict', 'number'])
    assert.equal((await journal().get(syncs, { sync: 'when.g' }))?.seq, 0)
  })
}

function bookkeeping(journal: () => Journal): void {
  it('writes without an event and leaves the position', async () => {
    const [seq] = await journal().commit([put(syncs, sync('quiet.a'), appeared('quiet.a'))])
    const head = await journal().head()
    assert.deepEqual(await journal().commit([], { quiet: [quietly(syncs, sync('quiet.a', 'paused'))] }), [])
    assert.deepEqual(await journal().get(syncs, { sync: 'quiet.a' }), { ...sync('quiet.a', 'paused'), seq })
    await journal().commit([], { quiet: [quietPatch(syncs, { sync: 'quiet.a', lastPassAt: 7, lastPassOk: false })] })
    const patched = { ...sync('quiet.a', 'paused'), lastPassAt: 7, lastPassOk: false, seq }
    assert.deepEqual(await journal().get(syncs, { sync: 'quiet.a' }), patched)
    await journal().commit([], { quiet: [quietPatch(syncs, { sync: 'quiet.a', lastPassOk: null })] })
    assert.equal((await journal().get(syncs, { sync: 'quiet.a' }))?.lastPassOk, null)
    assert.deepEqual(await journal().head(), head)
  })

  it('patches no row that is not there, and drops in silence', async () => {
    await journal().commit([], { quiet: [quietPatch(syncs, { sync: 'quiet.b', lastPassAt: 7 })] })
    assert.equal(await journal().get(syncs, { sync: 'quiet.b' }), null)
    await journal().commit([put(syncs, sync('quiet.b'), appeared('quiet.b'))])
    const head = await journal().head()
    await journal().commit([], { quiet: [quietlyDrop(syncs, { sync: 'quiet.b' })] })
    assert.equal(await journal().get(syncs, { sync: 'quiet.b' }), null)
    assert.deepEqual(await journal().head(), head)
  })

  it('comes after the facts of its commit', async () => {
    const quiet = [quietPatch(syncs, { sync: 'quiet.c', lastPassAt: 9 })]
    const [seq] = await journal().commit([put(syncs, sync('quiet.c'), appeared('quiet.c'))], { quiet })
    assert.deepEqual(await journal().get(syncs, { sync: 'quiet.c' }), { ...sync('quiet.c'), lastPassAt: 9, seq })
  })
}

function groups(journal: () => Journal): void {
  it('keeps the order in which commits were called, and their results apart', async () => {
    const one = (label: string, when?: 'absent') =>
      journal().commit([put(entries, entry('group.a', 'k', { label }), appeared('group.a'), when)])
    const [a, b, c, d] = await Promise.all([one('1', 'absent'), one('2'), one('3', 'absent'), one('2')])
    assert.deepEqual(c, ['conflict'])
    assert.deepEqual(d, ['unchanged'])
    assert.equal((b as number[])[0], (a as number[])[0]! + 1)
  })

  it('takes a crowd', async () => {
    const results = await Promise.all(
      Array.from({ length: 500 }, (_, n) =>
        journal().commit([put(entries, entry('group.b', `k${n}`), { type: 'entry.appeared', sync: 'group.b' })]),
      ),
    )
    const seqs = results.map(([seq]) => seq as number)
    assert.deepEqual(
      seqs,
      seqs.toSorted((x, y) => x - y),
    )
    assert.equal(new Set(seqs).size, 500)
    assert.equal((await journal().select(entries, { where: { sync: 'group.b' } })).length, 500)
    assert.deepEqual(await journal().count(entries, { sync: 'group.b' }), [{ by: [], count: 500 }])
  })

  it('takes more rows at once than any limit on parameters', async () => {
    const rows = Array.from({ length: 10_000 }, (_, n) => delivery('group.c', `t${n % 10}`, `k${n}`))
    await journal().commit(rows.map((row) => put(deliveries, row, { type: 'delivery.applied', sync: 'group.c' })))
    assert.equal((await journal().select(deliveries, { where: { sync: 'group.c' } })).length, 10_000)
    assert.equal((await journal().verify()).ok, true)
  })
}

function leases(under: () => JournalUnderTest): void {
  const journal = () => under().journal

  it('has one holder at a time, and a token that grows', async () => {
    const first = (await journal().lease('lease.a', 'one', 200))!
    assert.equal(await journal().lease('lease.a', 'two', 200), null)
    const renewed = (await journal().lease('lease.a', 'one', 200))!
    assert.equal(renewed.token, first.token)
    let second = null
    for (let tries = 0; second === null && tries < 100; tries += 1) {
      await under().pass(50)
      second = await journal().lease('lease.a', 'two', 60_000)
    }
    assert.ok(second && second.token > first.token)
    assert.equal(await journal().lease('lease.a', 'one', 200), null)
  })

  it('refuses the writes of a holder that lost it, alone', async () => {
    const write = (token: number, name: string) =>
      journal().commit([put(syncs, sync(name), appeared(name))], { fence: { sync: 'lease.b', token } })
    await rejects(write(1, 'lease.b0'), 'journal.fenced')
    const { token } = (await journal().lease('lease.b', 'one', 60_000))!
    await write(token, 'lease.b1')
    await journal().unlease({ sync: 'lease.b', token })
    const next = (await journal().lease('lease.b', 'two', 60_000))!
    assert.ok(next.token > token)
    const [old, now, other] = await Promise.allSettled([
      write(token, 'lease.b2'),
      write(next.token, 'lease.b3'),
      journal().commit([put(syncs, sync('lease.b4'), appeared('lease.b4'))]),
    ])
    assert.equal(codeOf(old), 'journal.fenced')
    assert.deepEqual([now.status, other.status], ['fulfilled', 'fulfilled'])
    assert.equal(await journal().get(syncs, { sync: 'lease.b2' }), null)
  })

  it('can be given up only by who holds it', async () => {
    const { token } = (await journal().lease('lease.c', 'one', 60_000))!
    await journal().unlease({ sync: 'lease.c', token: token + 1 })
    assert.equal(await journal().lease('lease.c', 'two', 60_000), null)
    await journal().unlease({ sync: 'lease.c', token })
    await rejects(
      journal().commit([put(syncs, sync('lease.c'), appeared('lease.c'))], { fence: { sync: 'lease.c', token } }),
      'journal.fenced',
    )
    assert.equal((await journal().lease('lease.c', 'one', 60_000))?.token, token + 1)
  })
}

function life(open: () => Promise<JournalUnderTest>): void {
  it('drops old days of history and still verifies', async () => {
    const under = await open()
    try {
      const { journal } = under
      const day = 86_400_000
      const pass = async () => {
        await journal.commit([put(syncs, sync(`life.${Math.random()}`), appeared('life'))])
        await journal.commit([put(syncs, sync(`life.${Math.random()}`), appeared('life'))])
      }
      assert.deepEqual(await journal.verify(), { ok: true, blocks: 0, events: 0, from: 1, to: 0 })
      await pass()
      const { at } = (await journal.events({}))[0]!
      assert.deepEqual(await journal.retain(at), { segments: 0, events: 0 })
      assert.deepEqual(await journal.retain(at + 2 * day), { segments: 1, events: 2 })
      assert.deepEqual(await journal.verify(), { ok: true, blocks: 0, events: 0, from: 3, to: 2 })
      await pass()
      const kept = await journal.verify()
      assert.deepEqual(kept, { ok: true, blocks: 2, events: 2, from: 3, to: 4 })
      assert.equal((await journal.events({}))[0]?.seq, 3)
      assert.equal((await journal.count(syncs))[0]?.count, 4)
    } finally {
      await under.dispose()
    }
  })

  it('takes nothing after it was closed, and everything before', async () => {
    const under = await open()
    const commit = under.journal.commit([put(syncs, sync('life.a'), appeared('life.a'))])
    await under.journal.close()
    assert.equal(typeof (await commit)[0], 'number')
    await rejects(under.journal.commit([put(syncs, sync('life.b'), appeared('life.b'))]), 'journal.closed')
    await rejects(under.journal.select(syncs), 'journal.closed')
    await under.dispose()
  })

  it('finds again what it acknowledged', async (t) => {
    const under = await open()
    if (!under.reopen) {
      await under.dispose()
      return t.skip('nothing outlives the process')
    }
    const results = await under.journal.commit([put(syncs, sync('life.c'), appeared('life.c'))])
    const lease = (await under.journal.lease('life.c', 'one', 60_000))!
    const head = await under.journal.head()
    const again = await under.reopen()
    try {
      assert.deepEqual(await again.journal.head(), head)
      assert.deepEqual(await again.journal.get(syncs, { sync: 'life.c' }), { ...sync('life.c'), seq: results[0] })
      const second = put(syncs, sync('life.c', 'paused'), { type: 'sync.paused' })
      await again.journal.commit([second], { fence: lease })
      assert.deepEqual(await again.journal.verify(), { ok: true, blocks: 2, events: 2, from: 1, to: 2 })
    } finally {
      await again.dispose()
    }
  })
}

function appeared(name: string): EventDraft {
  return { type: 'sync.appeared', sync: name, reason: 'test', actor: 'somebody', data: { n: 1 } }
}

async function rejects(promise: Promise<unknown>, code: ErrorCode): Promise<void> {
  await assert.rejects(promise, (error) => error instanceof AppError && error.code === code)
}

function codeOf(result: PromiseSettledResult<unknown>): string | undefined {
  return result.status === 'rejected' ? (result.reason as AppError).code : undefined
}

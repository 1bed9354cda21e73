/** What every journal must do with facts that set some columns of a row. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { drop, patch, put, quietPatch, type Journal } from '../journal.ts'
import { entries, syncs, type EntryRow } from '../tables.ts'
import { entry, sync } from './journal-rows.ts'

const appeared = { type: 'entry.appeared' }

export function journalPatches(journal: () => Journal): void {
  it('set some columns of a row that is there, with an event', async () => {
    const named = { sync: 'patch.a', scope: '', key: 'k' }
    const change = (fields: Partial<EntryRow>) =>
      patch(entries, { ...named, ...fields }, { type: 'entry.changed', sync: 'patch.a' })
    assert.deepEqual(await journal().commit([change({ label: 'nothing there' })]), ['conflict'])
    assert.equal(await journal().get(entries, named), null)
    assert.deepEqual(await journal().events({ sync: 'patch.a' }), [])
    const row = entry('patch.a', 'k', { label: '1', item: { a: 1 }, missedAt: 5 })
    const results = await journal().commit([
      put(entries, row, { ...appeared, sync: 'patch.a' }),
      change({ label: '2', item: { b: 2 } }),
      change({ label: '2', item: { b: 2 } }),
      change({ missedAt: null, misses: 3 }),
    ])
    const [first] = results as number[]
    assert.deepEqual(results, [first, first! + 1, 'unchanged', first! + 2])
    const patched = { ...row, label: '2', item: { b: 2 }, missedAt: null, misses: 3 }
    assert.deepEqual(await journal().get(entries, named), { ...patched, seq: first! + 2 })
    const head = await journal().head()
    assert.deepEqual(await journal().commit([change({ label: '2' })]), ['unchanged'])
    assert.deepEqual(await journal().head(), head)
    assert.equal((await journal().events({ sync: 'patch.a' })).length, 3)
    const gone = drop(entries, named, { type: 'entry.gone' })
    const after = await journal().commit([gone, change({ label: '3' })])
    assert.deepEqual([typeof after[0], after[1]], ['number', 'conflict'])
  })

  it('hold only while the row is at its position, and atomic with others', async () => {
    const [seq] = (await journal().commit([put(syncs, sync('patch.b'), appeared)])) as [number]
    const pause = (name: string, at: number) =>
      patch(syncs, { sync: name, state: 'paused' }, { type: 'sync.paused', sync: name }, { seq: at })
    assert.deepEqual(await journal().commit([pause('patch.b', seq + 1)]), ['conflict'])
    const all = [pause('patch.b', seq), pause('when.nobody', seq)]
    assert.deepEqual(await journal().commit(all, { atomic: true }), ['conflict', 'conflict'])
    assert.deepEqual(await journal().get(syncs, { sync: 'patch.b' }), { ...sync('patch.b'), seq })
    const [moved, none] = await journal().commit(all)
    assert.deepEqual([typeof moved, none], ['number', 'conflict'])
    assert.deepEqual(await journal().get(syncs, { sync: 'patch.b' }), { ...sync('patch.b', 'paused'), seq: moved })
  })

  it('merge with what others do to the row at the same time, in the order of the calls', async () => {
    const named = { sync: 'patch.c', scope: '', key: 'k' }
    const change = (fields: Partial<EntryRow>) =>
      journal().commit([patch(entries, { ...named, ...fields }, { type: 'entry.changed', sync: 'patch.c' })])
    const row = entry('patch.c', 'k')
    const results = await Promise.all([
      journal().commit([put(entries, row, appeared)], { quiet: [quietPatch(entries, { ...named, misses: 7 })] }),
      change({ label: 'one' }),
      change({ digest: 'two' }),
      change({ label: 'one', digest: 'two' }),
    ])
    const first = results[0]![0] as number
    assert.deepEqual(results.flat(), [first, first + 1, first + 2, 'unchanged'])
    const merged = { ...row, misses: 7, label: 'one', digest: 'two', seq: first + 2 }
    assert.deepEqual(await journal().get(entries, named), merged)
  })
}

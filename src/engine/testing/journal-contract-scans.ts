/** What `scan` promises: whole tables in columns, as they were at one moment. */
import assert from 'node:assert/strict'
import { before, it } from 'node:test'
import type { Table } from '../../kernel/table.ts'
import { drop, put, quietly, type ColumnBlock, type Journal, type ScanOptions } from '../journal.ts'
import { deliveries, entries, syncs, targets, type DeliveryRow } from '../tables.ts'
import { delivery, entry, sync } from './journal-rows.ts'

export function journalScans(journal: () => Journal): void {
  const name = 'scans'
  /** More than fit into one block. */
  const many = 9000
  let start = 0
  before(async () => {
    start = (await journal().head()).seq
    const rows = Array.from({ length: many }, (_, n) =>
      delivery(name, `t${(n * 7) % 10}`, `k${n}`, { due: n % 3 === 0 ? null : n, handle: n % 2 === 0 ? { n } : null }),
    )
    await journal().commit(rows.map((row) => put(deliveries, row, { type: 'delivery.applied' })))
  })
  const ours = (row: { readonly sync: string }) => row.sync === name

  it('answers every row once, block by block', async () => {
    const columns = ['sync', 'target', 'key', 'due', 'handle', 'attempts'] as const
    const found = await scanned(journal(), deliveries, columns, { above: start })
    const rows = await journal().select(deliveries, { where: { sync: name, seq: { above: start } } })
    assert.equal(rows.length, many)
    const expected = rows.map(({ sync: of, target, key, due, handle, attempts, seq }) => {
      return { sync: of, target, key, due, handle: handle && JSON.stringify(handle), attempts, seq }
    })
    assert.deepEqual(bySeq(found.rows), bySeq(expected))
    assert.ok(found.sizes.length > 1 && found.sizes.every((size) => size > 0 && size <= 5000), found.sizes.join())
    const again = await scanned(journal(), deliveries, columns, { above: start })
    assert.deepEqual(again.rows, found.rows)
  })

  it('answers what is above a position alone', async () => {
    const found = await scanned(journal(), deliveries, ['sync', 'key'], { above: start + many - 3 })
    assert.deepEqual(found.rows.filter(ours).length, 3)
    const { seq } = await journal().head()
    assert.deepEqual((await scanned(journal(), deliveries, ['key'], { above: seq })).sizes, [])
  })

  it('keeps any value as it is, JSON as its text', async () => {
    const odd = ["'; DROP TABLE entry; --", 'a\\b"c{d,e}', 'NULL', '', '\n\t\u001f', 'ü 漢 😀', '\u2028%_']
    const rows = odd.map((text) => entry(name, text, { label: text, item: [text, -0.5], misses: 2 ** 53 - 1 }))
    await journal().commit(rows.map((row) => put(entries, row, { type: 'entry.appeared' })))
    const found = await scanned(journal(), entries, ['sync', 'key', 'label', 'item', 'misses', 'missedAt'])
    const expected = rows.map(({ key, label, item, misses, missedAt }) => {
      return { sync: name, key, label, item: JSON.stringify(item), misses, missedAt }
    })
    const values = found.rows.filter(ours).map(({ seq: _seq, ...row }) => row)
    assert.deepEqual(
      new Set(values.map((row) => JSON.stringify(row))),
      new Set(expected.map((row) => JSON.stringify(row))),
    )

    await journal().commit([put(syncs, { ...sync('scans.on'), lastPassOk: true }, { type: 'sync.appeared' })], {
      quiet: [quietly(syncs, { ...sync('scans.off'), lastPassOk: false })],
    })
    const flags = await scanned(journal(), syncs, ['lastPassOk', 'sync', 'lastPassAt'])
    const quiet = flags.rows.find((row) => row.sync === 'scans.off')
    assert.deepEqual(quiet, { lastPassOk: false, sync: 'scans.off', lastPassAt: null, seq: 0 })
    assert.equal(flags.rows.find((row) => row.sync === 'scans.on')?.lastPassOk, true)
    const [count] = await journal().count(syncs)
    assert.equal(flags.rows.length, count!.count)
  })

  it('answers no block where there is no row', async () => {
    const [count] = await journal().count(targets)
    assert.equal(count?.count, 0)
    assert.deepEqual(await scanned(journal(), targets, ['target', 'budgetLeft']), { rows: [], sizes: [] })
  })

  it('sees one moment, whatever is written meanwhile', async () => {
    const seen: DeliveryRow['key'][] = []
    const { seq } = await journal().head()
    let highest = 0
    for await (const block of journal().scan(deliveries, ['sync', 'key'], { above: start })) {
      if (seen.length === 0) {
        const all = Array.from({ length: many }, (_, n) => ({ sync: name, target: `t${(n * 7) % 10}`, key: `k${n}` }))
        await journal().commit([
          ...all.slice(0, many / 2).map((key) => drop(deliveries, key, { type: 'delivery.forgotten' })),
          put(deliveries, delivery(name, 't9', 'zzz'), { type: 'delivery.applied' }),
        ])
      }
      for (let at = 0; at < block.size; at += 1) {
        highest = Math.max(highest, block.seq[at]!)
        if (block.columns.sync[at] === name) seen.push(block.columns.key[at]!)
      }
    }
    assert.equal(new Set(seen).size, seen.length)
    assert.equal(seen.length, many)
    assert.ok(highest <= seq)
  })

  it('can be left and aborted', async () => {
    const blocks: ColumnBlock<DeliveryRow, 'key'>[] = []
    for await (const block of journal().scan(deliveries, ['key'])) {
      blocks.push(block)
      break
    }
    assert.equal(blocks.length, 1)
    const stop = new AbortController()
    const aborted = async () => {
      for await (const _ of journal().scan(deliveries, ['key'], { signal: stop.signal }))
        stop.abort(new Error('enough'))
    }
    await assert.rejects(aborted, { message: 'enough' })
    assert.equal(
      typeof (await journal().commit([put(syncs, sync('scans.after'), { type: 'sync.appeared' })]))[0],
      'number',
    )
  })
}

async function scanned<R, C extends keyof R & string>(
  journal: Journal,
  table: Table<R>,
  columns: readonly C[],
  options: ScanOptions = {},
) {
  const rows: ({ [N in C]: ColumnBlock<R, C>['columns'][N][number] } & { seq: number })[] = []
  const sizes: number[] = []
  for await (const block of journal.scan(table, columns, options)) {
    sizes.push(block.size)
    for (let at = 0; at < block.size; at += 1) {
      const cells = columns.map((column) => [column, block.columns[column][at]])
      rows.push({ ...Object.fromEntries(cells), seq: block.seq[at] } as (typeof rows)[number])
    }
    for (const column of columns) assert.equal(block.columns[column].length, block.size)
  }
  return { rows, sizes }
}

function bySeq<T extends { readonly seq: number }>(rows: readonly T[]): T[] {
  return rows.toSorted((a, b) => a.seq - b.seq)
}

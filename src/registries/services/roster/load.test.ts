/** The roster after a load is the one that had been kept up while the rows were written. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createMemoryJournal } from '../../../database/memory/journal.ts'
import { openSqliteJournal } from '../../../database/sqlite/journal.ts'
import { put, type Journal } from '../../../engine/journal.ts'
import { systemClock } from '../../../kernel/clock.ts'
import { silentLogger } from '../../../kernel/logger.ts'
import { registrationSources, serviceStatuses, serviceTypes } from '../model.ts'
import { services } from '../tables.ts'
import { createRoster } from './create.ts'
import { createLists } from './lists.ts'
import { loadRoster } from './load.ts'
import type { Roster } from './roster.ts'
import { serviceRow } from '../testing.ts'

/** More than fit into one block of a scan. */
const many = 6_000

async function fill(journal: Journal): Promise<Roster> {
  const kept = createRoster()
  const rows = Array.from({ length: many }, (_, n) => {
    const type = serviceTypes[n % 7 === 0 ? 0 : n % 3 === 0 ? 1 : 2]
    return serviceRow({
      type,
      id: `${n % 2 === 0 ? 'ü' : 'x'}${(n * 7919) % many}`,
      // Of some the parent comes later, of some never.
      parent: type === 'poller' ? '' : `ü${(n * 31) % many}`,
      status: serviceStatuses[n % 5]!,
      source: registrationSources[n % 4]!,
      kind: n % 3 === 0 ? 'snmp' : null,
      metadata: n % 11 === 0 ? {} : { site: `ber${n % 10}`, note: 'a "quoted"\\ one' },
      interval: n % 2 === 0 ? null : n,
      inactiveAfter: n % 2 === 0 ? 5_000 : null,
      registeredAt: 1_000_000 - (n % 50),
      firstSeen: n % 5 === 0 ? null : n + 1,
    })
  })
  const { seq: head } = await journal.head()
  const written = await journal.commit(
    rows.map(({ seq: _seq, ...row }) => put(services, row, { type: 'service.registered' })),
  )
  for (const [n, row] of rows.entries()) kept.learn({ ...row, seq: written[n] as number })
  assert.ok(head < (written.at(-1) as number))
  return kept
}

async function compare(journal: Journal): Promise<void> {
  const kept = await fill(journal)
  const loaded = createRoster()
  await loadRoster(journal, loaded)
  assert.equal(loaded.size, many)
  const names = ['type', 'status', 'source', 'seq', 'registeredAt', 'statusAt', 'firstSeen', 'children'] as const
  const columns = [...names, 'interval', 'inactiveAfter'] as const
  for (let slot = 0; slot < kept.end; slot++) {
    const there = loaded.find(kept.typeOf(slot), kept.idOf(slot))
    for (const name of columns) assert.equal(loaded.columns[name][there], kept.columns[name][slot], name)
    assert.equal(loaded.kindOf(there), kept.kindOf(slot))
    const parents = [loaded, kept].map((roster, n) => roster.columns.parent[[there, slot][n]!]!)
    assert.equal(parents[0] === -1 ? '' : loaded.idOf(parents[0]!), parents[1] === -1 ? '' : kept.idOf(parents[1]!))
  }
  const ask = { clock: { monotonic: () => 0 }, pause: async () => {} }
  for (const q of ['', 'ber1', 'note=a "q', 'ü1']) {
    const [one, other] = [createLists({ ...ask, roster: loaded }), createLists({ ...ask, roster: kept })]
    const [a, b] = [await one.list({ q, limit: 1_000 }), await other.list({ q, limit: 1_000 })]
    assert.ok(a.total > 100)
    assert.deepEqual(
      a.slots.map((slot) => loaded.idOf(slot)),
      b.slots.map((slot) => kept.idOf(slot)),
    )
    assert.deepEqual([a.total, a.next], [b.total, b.next])
  }
  const before = loaded.version()
  await loadRoster(journal, loaded)
  assert.equal(loaded.version(), before)
  await assert.rejects(loadRoster(journal, createRoster(), AbortSignal.abort(new Error('enough'))), /enough/)
}

test('a load from SQLite', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'regista-roster-'))
  const path = join(folder, 'regista.db')
  const journal = await openSqliteJournal({ path, tables: [services], clock: systemClock, logger: silentLogger })
  try {
    await compare(journal)
  } finally {
    await journal.close()
    await rm(folder, { recursive: true })
  }
})

test('a load from memory', async () => {
  await compare(createMemoryJournal({ clock: systemClock, tables: [services] }))
})

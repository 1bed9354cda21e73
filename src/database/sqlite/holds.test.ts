import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { put } from '../../engine/journal.ts'
import { engineTables, entries } from '../../engine/tables.ts'
import { createFakeClock } from '../../engine/testing/fake-clock.ts'
import { entry } from '../../engine/testing/journal-rows.ts'
import { silentLogger as logger } from '../../kernel/logger.ts'
import { day } from '../chain.ts'
import { loadMigrations } from '../migrations.ts'
import { connect, type Connection } from './connection.ts'
import { openSqliteJournal } from './journal.ts'

const holds = (connection: Connection) => connection.all('SELECT * FROM "block_holds" ORDER BY "what", "last"')

it('knows the blocks of old ledgers as of new ones, and forgets what retention drops', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'regista-holds-'))
  const path = join(folder, 'regista.db')
  const clock = createFakeClock()
  const journal = await openSqliteJournal({ path, tables: engineTables, clock, logger })
  const types = ['entry.appeared', 'entry.gone', 'hold.released']
  for (const size of [1, 5, 1, 30]) {
    const rows = Array.from({ length: size }, (_, n) => {
      const sync = n % 3 === 0 ? {} : { sync: `s${n % 3}` }
      return put(entries, entry('house', `${size}/${n}`), { type: types[(n + size) % 3]!, ...sync })
    })
    await journal.commit(rows)
    await clock.advance(day)
  }
  await journal.close()

  const written = connect(path, { readOnly: true })
  const old = connect(join(folder, 'old.db'), { readOnly: false })
  const migrations = loadMigrations('sqlite')
  const at = migrations.findIndex(({ name }) => name.endsWith('block_holds'))
  for (const { sql } of migrations.slice(0, at)) old.exec(sql)
  for (const table of ['block', 'event']) {
    for (const row of written.all(`SELECT * FROM "${table}"`)) {
      old.run(`INSERT INTO "${table}" VALUES (${row.map(() => '?').join(', ')})`, row)
    }
  }
  old.exec(migrations[at]!.sql)
  const all = holds(written)
  assert.equal(new Set(all.map(([what]) => what)).size, 3 + 2 + 2)
  assert.deepEqual(holds(old), all)
  written.close()
  old.close()

  const again = await openSqliteJournal({ path, tables: engineTables, clock, logger })
  await again.retain(clock.now() - day)
  const [first] = await again.events({ limit: 1 })
  await again.close()
  const kept = connect(path, { readOnly: true })
  const later = all.filter(([, last]) => (last as number) >= first!.seq)
  assert.ok(later.length > 0 && later.length < all.length)
  assert.deepEqual(holds(kept), later)
  kept.close()
  await rm(folder, { recursive: true })
})

/** Queries of every pass and every page must not grow with the ledger: which index answers them. */
import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { before, describe, it } from 'node:test'
import type { Query } from '../../engine/journal.ts'
import { deliveries, entries, type DeliveryRow, type EntryRow } from '../../engine/tables.ts'
import { shapeOf, type Cell } from '../cells.ts'
import { loadMigrations } from '../migrations.ts'
import { countSql, eventsSql, selectSql, type Statement } from '../query-sql.ts'
import { sqliteDialect as dialect } from './dialect.ts'

const delivery = shapeOf(deliveries)
const entry = shapeOf(entries)
const sync = 's'
const ofDeliveries = (query: Query<DeliveryRow>) => selectSql(delivery, query, dialect)
const ofEntries = (query: Query<EntryRow>) => selectSql(entry, query, dialect)

const cases: Record<string, [Statement<Cell>, string]> = {
  'targets with deliveries due': [
    countSql(delivery, { sync, due: { atMost: 5 } }, ['target'], dialect),
    'COVERING INDEX delivery_target_due (sync=?)',
  ],
  'deliveries of a target due': [
    ofDeliveries({ where: { sync, target: 't', due: { atMost: 5 } }, order: ['key'] }),
    'delivery_target_due (sync=? AND target=? AND due<?)',
  ],
  'the next due': [
    ofDeliveries({ where: { sync, due: { above: 0 } }, order: ['due'], limit: 1 }),
    'delivery_due (sync=? AND due>?)',
  ],
  'keys at targets': [
    ofDeliveries({ where: { sync, target: { in: ['t'] }, key: { in: ['k'] } } }),
    'PRIMARY KEY (sync=? AND target=? AND key=?)',
  ],
  'a key at all targets': [ofDeliveries({ where: { sync, key: 'k' } }), 'delivery_key (sync=? AND key=?)'],
  'deliveries in doubt': [
    ofDeliveries({ where: { sync, target: 't', state: { in: ['sending'] } }, limit: 1 }),
    'delivery_state (sync=? AND state=? AND target=?)',
  ],
  'counts of what is unsettled': [
    countSql(delivery, { sync, state: { in: ['failed'] } }, ['target', 'state'], dialect),
    'COVERING INDEX delivery_state (sync=? AND state=?)',
  ],
  'a page in the middle': [
    ofDeliveries({ where: { sync }, after: [sync, 't', 'k'], limit: 100 }),
    'PRIMARY KEY (sync=? AND (target,key)>(?,?))',
  ],
  'entries past a cursor': [
    ofEntries({ where: { sync, seq: { above: 5 } }, order: ['seq'], limit: 1 }),
    'entry_seq (sync=? AND seq>?)',
  ],
  'entries by key': [ofEntries({ where: { sync, key: { in: ['k'] } } }), 'entry_key (sync=? AND key=?)'],
  'absences that began': [
    ofEntries({ where: { sync, scope: '', missedAt: { above: 0 } }, limit: 1 }),
    'entry_missed (sync=? AND scope=?)',
  ],
  'tombstones': [ofEntries({ where: { sync, state: 'gone' }, limit: 10 }), 'entry_state (sync=? AND state=?)'],
  'how many live': [
    countSql(entry, { sync, scope: '', state: 'live' }, [], dialect),
    'COVERING INDEX entry_state (sync=? AND state=? AND scope=?)',
  ],
  'the newest events of a key': [eventsSql({ sync, key: 'k', last: true, limit: 9 }, dialect), 'event_key (bucket=?)'],
  'the newest events of a sync': [
    eventsSql({ sync, last: true, limit: 9 }, dialect),
    'SEARCH b USING PRIMARY KEY (what=?)',
  ],
  'the newest events of a noun': [
    eventsSql({ type: 'delivery.', last: true, limit: 9 }, dialect),
    'SEARCH b USING PRIMARY KEY (what=?)',
  ],
  'events of a type and sync past a position': [
    eventsSql({ sync, type: 'kv.put', after: 5, limit: 9 }, dialect),
    'SEARCH b USING PRIMARY KEY (what=? AND last>?)',
  ],
  'events of a sync since': [
    eventsSql({ sync, since: 5, last: true, limit: 9 }, dialect),
    'SEARCH event USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)',
  ],
  'the newest events of a type': [
    eventsSql({ type: 'kv.put', last: true, limit: 9 }, dialect),
    'SEARCH b USING PRIMARY KEY (what=?)',
  ],
  'events past a position': [eventsSql({ after: 5, limit: 9 }, dialect), 'PRIMARY KEY (rowid>?)'],
}

describe('query plans on SQLite', () => {
  let db: DatabaseSync
  before(() => {
    db = new DatabaseSync(':memory:')
    for (const { sql } of loadMigrations('sqlite')) db.exec(sql)
  })
  for (const [name, [{ text, values }, index]] of Object.entries(cases)) {
    it(name, () => {
      const plan = db.prepare(`EXPLAIN QUERY PLAN ${text}`).all(...values)
      const steps = plan.map(({ detail }) => String(detail))
      assert.ok(
        steps.some((step) => step.endsWith(index)),
        steps.join('; '),
      )
      assert.ok(!steps.some((step) => /^SCAN (?!json_each)/.test(step)), steps.join('; '))
      if (text.includes('"event"')) assert.ok(!steps.some((step) => /TEMP B-TREE/.test(step)), steps.join('; '))
    })
  }
})

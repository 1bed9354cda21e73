/** What the engine shows at /metrics. Read from the ledger at each scrape, so that it is right on every replica and after a restart. */
import type { Metrics } from '../kernel/metrics.ts'
import type { Journal } from './journal.ts'
import { deliveries, entries, holds, scopes, syncs, targets } from './tables.ts'

export function observe(metrics: Metrics, journal: Journal, names: readonly string[]): void {
  const where = { sync: { in: names } }
  metrics.gauge('regista_entries', 'Entries by state', ['sync', 'state'], async (gauge) => {
    gauge.reset()
    for (const { by, count } of await journal.count(entries, where, ['sync', 'state']))
      gauge.set({ sync: String(by[0]), state: String(by[1]) }, count)
  })
  metrics.gauge(
    'regista_deliveries',
    'Deliveries that are not simply applied, by state',
    ['sync', 'state'],
    async (gauge) => {
      gauge.reset()
      const unsettled = {
        ...where,
        state: { in: ['pending', 'held', 'sending', 'waiting', 'rejected', 'failed', 'unsure'] as const },
      }
      for (const { by, count } of await journal.count(deliveries, unsettled, ['sync', 'state'])) {
        gauge.set({ sync: String(by[0]), state: String(by[1]) }, count)
      }
    },
  )
  metrics.gauge('regista_holds', 'Changes that wait for a person or a time', ['sync', 'reason'], async (gauge) => {
    gauge.reset()
    const held = { ...where, state: 'held' as const }
    for (const { by, count } of await journal.count(holds, held, ['sync', 'reason']))
      gauge.set({ sync: String(by[0]), reason: String(by[1]) }, count)
  })
  metrics.gauge('regista_scopes', 'Scopes by state', ['sync', 'state'], async (gauge) => {
    gauge.reset()
    for (const { by, count } of await journal.count(scopes, where, ['sync', 'state']))
      gauge.set({ sync: String(by[0]), state: String(by[1]) }, count)
  })
  metrics.gauge('regista_target_up', 'Whether the target answered last time', ['sync', 'target'], async (gauge) => {
    gauge.reset()
    for (const row of await journal.select(targets, { where })) {
      if (row.state !== 'orphaned') gauge.set({ sync: row.sync, target: row.target }, row.state === 'ok' ? 1 : 0)
    }
  })
  metrics.gauge('regista_pass_timestamp_seconds', 'When the last pass ended', ['sync'], async (gauge) => {
    gauge.reset()
    for (const row of await journal.select(syncs, { where }))
      if (row.lastPassAt !== null) gauge.set({ sync: row.sync }, row.lastPassAt / 1000)
  })
  metrics.gauge(
    'regista_pass_ok',
    'Whether the last pass saw everything and left nothing undone',
    ['sync'],
    async (gauge) => {
      gauge.reset()
      for (const row of await journal.select(syncs, { where }))
        if (row.lastPassOk !== null) gauge.set({ sync: row.sync }, row.lastPassOk ? 1 : 0)
    },
  )
  metrics.gauge('regista_journal_head', 'Position of the newest event', [], async (gauge) =>
    gauge.set((await journal.head()).seq),
  )
  metrics.gauge('regista_journal_degraded', 'Whether the journal cannot be written', [], (gauge) => {
    gauge.set(journal.condition().is === 'degraded' ? 1 : 0)
  })
}

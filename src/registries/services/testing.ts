/** Rows for tests and benches that say no more than they must. */
import type { Stored } from '../../engine/journal.ts'
import type { ServiceRow } from './tables.ts'

/** An active poller that came by its own heartbeat, unless it is said otherwise. */
export function serviceRow(row: Partial<Stored<ServiceRow>> = {}): Stored<ServiceRow> {
  const id = row.id ?? 'edge-1'
  return {
    type: 'poller',
    id,
    status: 'active',
    statusAt: 1_000,
    reason: null,
    before: null,
    source: 'implicit',
    component: id,
    parent: '',
    kind: null,
    metadata: {},
    spiffe: null,
    interval: null,
    inactiveAfter: null,
    createdBy: 'system',
    registeredAt: 1_000,
    firstSeen: 1_000,
    revokedAt: null,
    seq: 1,
    ...row,
  }
}

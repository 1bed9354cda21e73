/** Rows with nothing special about them. */
import type { DeliveryRow, EntryRow, SyncRow } from '../tables.ts'

export function sync(name: string, state: SyncRow['state'] = 'active'): SyncRow {
  return { sync: name, registry: 'test', state, lastPassAt: null, lastPassOk: true, nextPassAt: null }
}

export function entry(name: string, key: string, more: Partial<EntryRow> = {}): EntryRow {
  const empty = { stamp: null, note: null, origin: null, ordinal: null, missedAt: null }
  return { sync: name, scope: '', key, state: 'live', digest: 'd', label: '', item: null, misses: 0, ...empty, ...more }
}

export function delivery(name: string, target: string, key: string, more: Partial<DeliveryRow> = {}): DeliveryRow {
  const empty = { want: null, label: null, reason: null, detail: null, until: null, due: null, handle: null }
  const rest = {
    effectId: null,
    receipt: null,
    doubt: null,
    contest: null,
    attempts: 0,
    epoch: 1,
    digest: 'd',
    digestLabel: null,
  }
  return { sync: name, target, key, state: 'applied', op: 'put', ...empty, ...rest, ...more }
}

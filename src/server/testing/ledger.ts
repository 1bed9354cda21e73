/** Rows for tests: whole, with what matters to the test given. */
import { put, type Fact } from '../../engine/journal.ts'
import {
  deliveries,
  entries,
  holds,
  scopes,
  syncs,
  targets,
  type DeliveryRow,
  type EntryRow,
  type HoldRow,
  type ScopeRow,
  type SyncRow,
  type TargetRow,
} from '../../engine/tables.ts'

export const syncRow = (changes: Partial<SyncRow> = {}): SyncRow => ({
  sync: 'one',
  registry: 'fake',
  state: 'active',
  lastPassAt: null,
  lastPassOk: null,
  nextPassAt: null,
  ...changes,
})

export const scopeRow = (changes: Partial<ScopeRow> = {}): ScopeRow => ({
  sync: 'one',
  scope: '',
  state: 'ok',
  why: null,
  detail: null,
  rank: 0,
  mark: null,
  troubles: [],
  lookedAt: 1,
  completeAt: 1,
  missedAt: null,
  ...changes,
})

export const entryRow = (changes: Partial<EntryRow> = {}): EntryRow => ({
  sync: 'one',
  scope: '',
  key: 'k',
  state: 'live',
  digest: 'd1',
  label: 'v1',
  item: { much: 'text' },
  stamp: null,
  note: null,
  origin: null,
  ordinal: null,
  missedAt: null,
  misses: 0,
  ...changes,
})

export const targetRow = (changes: Partial<TargetRow> = {}): TargetRow => ({
  sync: 'one',
  target: 't',
  state: 'ok',
  why: null,
  detail: null,
  identity: 'i',
  fingerprint: 'f',
  epoch: 1,
  cursor: 0,
  owed: null,
  mark: null,
  lookedAt: null,
  budgetLeft: null,
  budgetAt: null,
  attempts: 0,
  due: null,
  ...changes,
})

export const deliveryRow = (changes: Partial<DeliveryRow> = {}): DeliveryRow => ({
  sync: 'one',
  target: 't',
  key: 'k',
  state: 'applied',
  op: 'put',
  digest: 'd1',
  digestLabel: 'v1',
  want: 'd1',
  label: 'v1',
  reason: null,
  detail: null,
  until: null,
  attempts: 0,
  due: null,
  handle: null,
  effectId: null,
  receipt: null,
  doubt: null,
  contest: null,
  epoch: 1,
  ...changes,
})

export const holdRow = (changes: Partial<HoldRow> = {}): HoldRow => ({
  id: 'h1',
  sync: 'one',
  target: 't',
  key: 'k',
  gate: 'removal-budget',
  reason: 'removal-budget',
  subject: 's',
  op: 'delete',
  label: 'v1',
  state: 'held',
  until: null,
  by: null,
  ...changes,
})

/** Facts that put rows, each with a plain event. */
export const facts = {
  sync: (row: Partial<SyncRow> = {}): Fact =>
    put(syncs, syncRow(row), { type: 'sync.appeared', sync: 'one', ...at(row) }),
  scope: (row: Partial<ScopeRow> = {}): Fact =>
    put(scopes, scopeRow(row), { type: 'scope.seen', sync: 'one', ...at(row) }),
  entry: (row: Partial<EntryRow> = {}): Fact =>
    put(entries, entryRow(row), { type: 'entry.appeared', sync: 'one', key: 'k', ...at(row) }),
  target: (row: Partial<TargetRow> = {}): Fact =>
    put(targets, targetRow(row), { type: 'target.appeared', sync: 'one', ...at(row) }),
  delivery: (row: Partial<DeliveryRow> = {}): Fact =>
    put(deliveries, deliveryRow(row), { type: 'delivery.applied', sync: 'one', target: 't', key: 'k', ...at(row) }),
  hold: (row: Partial<HoldRow> = {}): Fact =>
    put(holds, holdRow(row), { type: 'hold.placed', sync: 'one', target: 't', key: 'k', ...at(row) }),
}

function at(row: { sync?: string; target?: string; key?: string }) {
  return {
    ...(row.sync !== undefined && { sync: row.sync }),
    ...(row.target !== undefined && { target: row.target }),
    ...(row.key !== undefined && { key: row.key }),
  }
}

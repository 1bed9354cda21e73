/** What a decision is made from: any view that the loop could come to, and single ones. */
import fc from 'fast-check'
import type { Desired, KeyView, TargetView } from '../../decide.ts'
import type { Stored } from '../../journal.ts'
import type { DeliveryRow, DeliveryState } from '../../tables.ts'
import type { Held } from '../../target.ts'

export const now = 1_700_000_000_000

export function delivery(row: Partial<Stored<DeliveryRow>> = {}): Stored<DeliveryRow> {
  return {
    sync: 'house',
    target: 'shelf',
    key: 'k',
    state: 'applied',
    op: 'put',
    digest: null,
    digestLabel: null,
    want: null,
    label: null,
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
    seq: 1,
    ...row,
  }
}

export function applied(row: Partial<Stored<DeliveryRow>> = {}): Stored<DeliveryRow> {
  return delivery({ state: 'applied', digest: 'd1', digestLabel: 'v1', want: 'd1', label: 'v1', ...row })
}

export function target(view: Partial<TargetView> = {}): TargetView {
  return {
    now,
    epoch: 1,
    renewed: false,
    regate: false,
    firstSight: 'overwrite',
    drift: 'repair',
    repeat: 'safe',
    ...view,
  }
}

const digest = fc.constantFrom('d1', 'd2', 'd3')
/** d3 goes by the label of d2. */
const labelOf = (of: string) => (of === 'd3' ? 'v2' : of.replace('d', 'v'))

const desired: fc.Arbitrary<Desired> = fc.oneof(
  { weight: 3, arbitrary: digest.map((of): Desired => ({ is: 'put', digest: of, label: labelOf(of) })) },
  { weight: 2, arbitrary: fc.boolean().map((known): Desired => ({ is: 'none', known })) },
  fc.constant<Desired>({ is: 'keep' }),
)

const held: fc.Arbitrary<Held | null | undefined> = fc.oneof(
  fc.constantFrom(null, undefined),
  fc.record({ of: fc.constantFrom('d1', 'd2', 'd3', 'd9'), labels: fc.boolean(), owned: fc.boolean() }).map((one) => ({
    key: 'k',
    digest: one.labels ? null : one.of,
    label: labelOf(one.of),
    owned: one.owned,
  })),
)

const states: readonly DeliveryState[] = [
  'pending',
  'held',
  'sending',
  'waiting',
  'applied',
  'rejected',
  'failed',
  'unsure',
]

const heldBy = fc.constantFrom('first-sight', 'drift-reported', 'outcome-unknown', 'removal-budget', 'approval')

/** Rows as the recorder makes them: what is impossible in one is left out. */
export const anyDelivery: fc.Arbitrary<Stored<DeliveryRow>> = fc
  .record({
    state: fc.constantFrom(...states),
    op: fc.constantFrom('put' as const, 'put' as const, 'delete' as const),
    digest: fc.option(digest),
    want: digest,
    due: fc.constantFrom(null, now - 1, now, now + 1),
    until: fc.constantFrom('item' as const, 'target' as const),
    holding: heldBy,
    doubt: fc.constantFrom(null, null, 'want' as const, 'other' as const),
    epoch: fc.constantFrom(1, 2, 2, 2),
  })
  .map(({ holding, until, ...row }): Stored<DeliveryRow> => {
    const want = row.op === 'delete' ? null : row.want
    const base = delivery({ ...row, want, label: labelOf(row.want), digestLabel: row.digest && labelOf(row.digest) })
    switch (row.state) {
      case 'applied':
        return {
          ...base,
          op: 'put',
          digest: row.want,
          digestLabel: labelOf(row.want),
          want: row.want,
          due: null,
          doubt: null,
        }
      case 'rejected':
        return { ...base, until, due: null, reason: holding === 'first-sight' ? holding : 'refused' }
      case 'held':
      case 'pending':
        return { ...base, reason: holding, doubt: row.doubt ?? (holding === 'outcome-unknown' ? 'want' : null) }
      case 'waiting':
        return { ...base, handle: { pull: 1 }, effectId: 'e1', due: row.due ?? now }
      case 'sending':
        return { ...base, effectId: 'e1' }
      default:
        return { ...base, effectId: 'e1', due: row.due ?? now }
    }
  })

export const anyKeyView: fc.Arbitrary<KeyView> = fc.record({
  desired,
  delivery: fc.option(anyDelivery, { freq: 6 }),
  held,
})

export const anyTargetView: fc.Arbitrary<TargetView> = fc.record({
  now: fc.constant(now),
  epoch: fc.constant(2),
  renewed: fc.boolean(),
  regate: fc.boolean(),
  firstSight: fc.constantFrom('overwrite', 'hold', 'keep'),
  drift: fc.constantFrom('repair', 'report'),
  repeat: fc.constantFrom('safe', 'keyed', 'unsafe'),
})

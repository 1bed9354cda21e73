/** What has to be written for one capability, and how such steps are packed into transactions. */
import { sha256 } from '../../kernel/digest.ts'
import type { KeyValue, KeyValueOperation, KeyValueTransaction } from '../../kernel/key-value.ts'
import { facets, type Capability } from './model.ts'
import { emptySlot, keyOf, recordKeyOf, recordOf, type Holding, type Layout, type Slot } from './layout.ts'

/** All of it happens together or not at all. */
export interface Step {
  readonly id: string
  readonly guards: KeyValueTransaction['guards']
  readonly operations: readonly KeyValueOperation[]
  /** A key with a lease that is in the way: some process keeps it alive. */
  readonly blocked: string | null
  /** What the store holds afterwards, given the revision that each operation left its key at. */
  after(revisions: readonly number[]): Holding
}

/** Only what differs is written. `wanted` null: the capability is to go. */
export function stepFor(layout: Layout, id: string, wanted: Capability | null, holding: Holding): Step {
  const operations: KeyValueOperation[] = []
  /** Slots as they will be, and which operation makes them so. */
  const changes = new Map<number, { readonly slot: Slot; readonly operation: number }>()
  let blocked: string | null = null
  facets.forEach((facet, at) => {
    const slot = holding.slots[at]!
    const key = keyOf(layout, id, facet)
    if (wanted === null) {
      // A leased key is not ours to remove; it goes when its owner does.
      if (slot.revision === 0 || slot.leased) return
      changes.set(at, { slot: emptySlot, operation: operations.push({ op: 'delete', key }) - 1 })
      return
    }
    const value = Buffer.from(wanted[facet], 'utf8')
    const digest = sha256(value)
    if (slot.revision > 0 && slot.digest === digest) return
    if (slot.leased) blocked = key
    const next = { revision: 0, digest, leased: false }
    changes.set(at, { slot: next, operation: operations.push({ op: 'put', key, value }) - 1 })
  })
  const { record } = holding
  const recorded = recordOperation(layout, id, wanted, operations.length > 0, record)
  if (recorded) operations.push(recorded)
  return {
    id,
    guards: guardsFor(layout, id, holding),
    operations,
    blocked,
    after: (revisions) => ({
      ...holding,
      slots: holding.slots.map((slot, at) => {
        const change = changes.get(at)
        return change ? { ...change.slot, revision: revisions[change.operation] ?? 0 } : slot
      }),
      record: recorded ? { revision: revisions[operations.length - 1] ?? 0, ours: recorded.op === 'put' } : record,
    }),
  }
}

/** The record is written with the first key that is, and goes with the capability. */
function recordOperation(
  layout: Layout,
  id: string,
  wanted: Capability | null,
  writes: boolean,
  record: Holding['record'],
): KeyValueOperation | null {
  const key = recordKeyOf(layout, id)
  if (key === null) return null
  if (wanted === null) return record.ours ? { op: 'delete', key } : null
  return writes && !record.ours ? { op: 'put', key, value: recordOf(layout) } : null
}

/** All its keys, also those that stay: what is written must fit what is there. */
function guardsFor(layout: Layout, id: string, { slots, record }: Holding): KeyValueTransaction['guards'] {
  const guards = facets.map((facet, at) => ({ key: keyOf(layout, id, facet), revision: slots[at]!.revision }))
  const key = recordKeyOf(layout, id)
  return key === null ? guards : [...guards, { key, revision: record.revision }]
}

/** Steps in order, as many per transaction as the store takes; one that is too large for that goes alone. */
export function pack(steps: readonly Step[], limits: KeyValue['limits']): Step[][] {
  const packs: Step[][] = []
  let left = { guards: 0, operations: 0, bytes: 0 }
  for (const step of steps) {
    const bytes = sizeOf(step)
    const fits = step.guards.length <= left.guards && step.operations.length <= left.operations && bytes <= left.bytes
    if (!fits) {
      packs.push([])
      left = { guards: limits.operations, operations: limits.operations, bytes: limits.bytes }
    }
    packs.at(-1)!.push(step)
    left.guards -= step.guards.length
    left.operations -= step.operations.length
    left.bytes -= bytes
  }
  return packs
}

/** Keys, values, and about what the encoding adds to each. */
function sizeOf(step: Step): number {
  let size = 0
  for (const { key } of step.guards) size += key.length + 16
  for (const operation of step.operations) {
    size += operation.key.length + (operation.op === 'put' ? operation.value.length : 0) + 16
  }
  return size
}

export function transactionOf(steps: readonly Step[]): KeyValueTransaction {
  return {
    guards: steps.flatMap((step) => step.guards),
    operations: steps.flatMap((step) => step.operations),
  }
}

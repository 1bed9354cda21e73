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
  /** What the store holds afterwards, given the revision of the transaction. */
  after(revision: number): Holding
}

/** Only what differs is written. `wanted` null: the capability is to go. */
export function stepFor(layout: Layout, id: string, wanted: Capability | null, holding: Holding): Step {
  const operations: KeyValueOperation[] = []
  const slots = [...holding.slots]
  let blocked: string | null = null
  facets.forEach((facet, at) => {
    const slot = holding.slots[at]!
    const key = keyOf(layout, id, facet)
    if (wanted === null) {
      // A leased key is not ours to remove; it goes when its owner does.
      if (slot.revision === 0 || slot.leased) return
      operations.push({ op: 'delete', key })
      slots[at] = emptySlot
      return
    }
    const value = Buffer.from(wanted[facet], 'utf8')
    const digest = sha256(value)
    if (slot.revision > 0 && slot.digest === digest) return
    if (slot.leased) blocked = key
    operations.push({ op: 'put', key, value })
    slots[at] = { revision: 0, digest, leased: false }
  })
  const recorded = recordStep(layout, id, wanted !== null && operations.length > 0, wanted === null, holding.record)
  operations.push(...recorded.operations)
  const guards = facets.map((facet, at) => ({ key: keyOf(layout, id, facet), revision: holding.slots[at]!.revision }))
  return {
    id,
    guards: [...guards, ...recorded.guards],
    operations,
    blocked,
    after: (revision) => ({
      ...holding,
      slots: slots.map((slot, at): Slot =>
        slot === holding.slots[at] || slot === emptySlot ? slot : { ...slot, revision },
      ),
      record: recorded.after(revision),
    }),
  }
}

/** The record is written with the first key that is, and goes with the capability. */
function recordStep(layout: Layout, id: string, writes: boolean, removes: boolean, record: Holding['record']) {
  const key = recordKeyOf(layout, id)
  const operations: KeyValueOperation[] = []
  if (key !== null && writes && !record.ours) operations.push({ op: 'put', key, value: recordOf(layout) })
  if (key !== null && removes && record.ours) operations.push({ op: 'delete', key })
  return {
    operations,
    guards: key === null ? [] : [{ key, revision: record.revision }],
    after(revision: number): Holding['record'] {
      if (operations.length === 0) return record
      return removes ? { revision: 0, ours: false } : { revision, ours: true }
    },
  }
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

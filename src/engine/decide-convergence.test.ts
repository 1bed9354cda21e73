/** Wherever a delivery starts, a target that behaves brings it to what is desired, and then there is nothing to do. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { silentLogger } from '../kernel/logger.ts'
import type { Context } from './context.ts'
import { decide, type Desired, type TargetView } from './decide.ts'
import type { Fact, Stored } from './journal.ts'
import { anyKeyView, anyTargetView, now } from './loop-tests/testing/views.ts'
import type { Planned } from './plan.ts'
import { recordHeld, recordNote, recordOutcome, recordSent, recordStray, type At, type Record } from './record.ts'
import { deliveries, type DeliveryRow, type HoldRow } from './tables.ts'
import type { Held, Outcome } from './target.ts'

const context = {
  spec: { name: 'house' },
  clock: { now: () => now },
  random: () => 0,
  logger: silentLogger,
} as unknown as Context

interface Delivering {
  row: Stored<DeliveryRow> | null
  /** What the target holds; `seen` says whether it can be looked at. */
  shelf: Held | null
  readonly seen: boolean
  /** Subjects that a person released. */
  readonly released: Set<string>
}

/** One round for one key, as deliver.ts and apply.ts do it. True: there was nothing to do. */
function round(at: Delivering, desired: Desired, target: TargetView, outcome: () => Outcome['is']): boolean {
  const held = at.seen ? at.shelf : undefined
  const decision = decide({ desired, delivery: at.row, held }, target)
  if (decision.do === 'nothing') return true
  const planned: Planned = {
    key: 'k',
    decision,
    delivery: at.row,
    entry: null,
    digest: desired.is === 'put' ? desired.digest : null,
    held,
  }
  const about: At = { target: 'shelf', epoch: target.epoch, holdsOf: () => [] }
  if (decision.do === 'stray') {
    take(at, recordStray(context, about, planned))
    return false
  }
  const noted = recordNote(context, about, planned)
  take(at, noted.record)
  if (decision.do === 'note') return false
  const subject = `${decision.op} ${decision.want}`
  if (decision.hold !== null && !at.released.has(subject)) {
    take(at, recordHeld(context, about, planned, noted.row, holdOf(decision.op, decision.hold, subject)))
    // A person looks, and agrees; the row is then as intervene.ts leaves it.
    at.released.add(subject)
    at.row = { ...at.row!, state: 'pending', due: now }
    return false
  }
  let flown = noted.row
  if (target.repeat !== 'safe' && !decision.resume) {
    const sent = recordSent(context, about, planned, flown, 'e2')
    take(at, { facts: sent.facts, quiet: [] })
    flown = sent.row
  }
  const is = outcome()
  if (is === 'applied') {
    at.shelf =
      decision.op === 'delete' ? null : { key: 'k', digest: decision.want, label: labelOf(desired), owned: true }
  }
  const answer: Outcome = is === 'waiting' ? { is, on: 'build', handle: { pull: 2 }, again: 0 } : { is: 'applied' }
  take(at, recordOutcome(context, about, planned, flown, answer, 'e2'))
  return false
}

function take(at: Delivering, { facts, quiet }: Record): void {
  for (const change of [...facts, ...quiet] as Fact[]) {
    if (change.table !== deliveries.name) continue
    at.row = 'put' in change ? { ...(change.put as DeliveryRow), seq: (at.row?.seq ?? 0) + 1 } : null
  }
}

function holdOf(op: 'put' | 'delete', reason: string, subject: string): HoldRow {
  const about = { id: 'h1', sync: 'house', target: 'shelf', key: 'k', label: null, until: null, by: null }
  return { ...about, gate: reason, reason, subject, op, state: 'held' }
}

const labelOf = (desired: Desired) => (desired.is === 'put' ? desired.label : '')

test('every start comes to its end, and then nothing is left to do', () => {
  const waits = fc.nat({ max: 2 })
  fc.assert(
    fc.property(anyKeyView, anyTargetView, waits, (view, target, waiting) => {
      const { desired } = view
      const at: Delivering = {
        row: view.delivery,
        shelf: view.held ?? null,
        seen: view.held !== undefined,
        released: new Set(),
      }
      let left = waiting
      const outcome = () => (left-- > 0 ? 'waiting' : 'applied')
      // At a restart what is held is gated again, once; what comes due comes due.
      let rounds = 0
      const seen = { ...target, firstSight: target.firstSight === 'keep' ? 'overwrite' : target.firstSight } as const
      for (; rounds < 12; rounds += 1) {
        if (at.row !== null && at.row.due !== null) at.row = { ...at.row, due: now }
        if (round(at, desired, { ...seen, regate: rounds === 0, renewed: rounds === 0 }, outcome)) break
      }
      assert.ok(rounds < 12, 'it never comes to rest')
      settledWell(at, desired)
    }),
    { numRuns: 5_000 },
  )
})

function settledWell(at: Delivering, desired: Desired): void {
  const { row } = at
  // Nobody tells whether it is wanted, or the target said no: it stays as it is.
  if (desired.is === 'keep' || row?.state === 'rejected') return
  if (desired.is === 'none') {
    if (at.seen && at.shelf !== null) assert.notEqual(at.shelf.owned && desired.known, true, 'ours is left behind')
    if (desired.known) assert.equal(row, null)
    return
  }
  assert.equal(row?.state, 'applied')
  assert.equal(row?.digest, desired.digest)
  if (at.seen) assert.equal(at.shelf?.digest ?? at.shelf?.label, at.shelf?.digest ? desired.digest : desired.label)
}

/** Wherever a delivery starts, a target that behaves brings it to what is desired, and then there is nothing to do. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { AppError } from '../kernel/errors.ts'
import { silentLogger } from '../kernel/logger.ts'
import type { Context } from './context.ts'
import { decide, type Desired, type KeyView, type TargetView } from './decide.ts'
import type { Fact, Stored } from './journal.ts'
import { lifecycle } from './lifecycle.ts'
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
  /** Cells of the lifecycle that were stepped through. */
  readonly steps: Set<string>
}

/** One round for one key, as deliver.ts and apply.ts do it. True: there was nothing to do. */
function round(at: Delivering, desired: Desired, target: TargetView, outcome: () => Outcome): boolean {
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
  const about: At = { target: 'shelf', epoch: target.epoch, holdsOf: () => [], retryAt: () => now }
  if (decision.do === 'stray') {
    take(at, recordStray(context, about, planned))
    return false
  }
  const noted = recordNote(context, about, planned)
  take(at, noted.record)
  if (decision.do === 'note') return false
  const subject = `${decision.op} ${decision.want}`
  if (decision.hold !== null && !at.released.has(subject)) {
    take(
      at,
      recordHeld(context, about, planned, noted.row, {
        hold: holdOf(decision.op, decision.hold, subject),
        known: null,
      }),
    )
    // A person looks, and agrees; the row is then as intervene.ts leaves it.
    at.released.add(subject)
    at.row = { ...at.row!, state: 'pending', due: now }
    return false
  }
  let flown = noted.row
  if ((target.repeat !== 'safe' || target.torn) && !decision.resume) {
    const sent = recordSent(context, about, planned, flown, 'e2')
    take(at, { facts: sent.facts, quiet: [] })
    flown = sent.row
  }
  const answer = outcome()
  if (answer.is === 'applied') {
    at.shelf =
      decision.op === 'delete' ? null : { key: 'k', digest: decision.want, label: labelOf(desired), owned: true }
  }
  take(at, recordOutcome(context, about, planned, flown, answer, 'e2'))
  return false
}

function take(at: Delivering, { facts, quiet }: Record): void {
  for (const change of [...facts, ...quiet] as Fact[]) {
    if (change.table !== deliveries.name) continue
    if (change.event) at.steps.add(`${at.row?.state ?? 'none'} ${change.event.type.replace('delivery.', '')}`)
    at.row = 'put' in change ? { ...(change.put as DeliveryRow), seq: (at.row?.seq ?? 0) + 1 } : null
  }
}

function holdOf(op: 'put' | 'delete', reason: string, subject: string): HoldRow {
  const about = { id: 'h1', sync: 'house', target: 'shelf', key: 'k', label: null, until: null, by: null }
  return { ...about, gate: reason, reason, subject, op, state: 'held' }
}

const labelOf = (desired: Desired) => (desired.is === 'put' ? desired.label : '')

const error = new AppError('target.unavailable', 'no answer')
/** What a target may say before it does what it is asked. */
const setback: fc.Arbitrary<Outcome> = fc.constantFrom<Outcome>(
  { is: 'waiting', on: 'build', handle: { pull: 2 }, again: 0 },
  { is: 'failed', error, effect: 'none' },
  { is: 'failed', error, effect: 'unknown' },
  { is: 'rejected', why: 'refused', until: 'item' },
)

/** Rounds until nothing is left to do; a first one as after a restart, and every wait is over by the next. */
function bringToRest(view: KeyView, target: TargetView, setbacks: readonly Outcome[], steps: Set<string>): Delivering {
  const shelf = view.held ?? null
  const at: Delivering = { row: view.delivery, shelf, seen: view.held !== undefined, released: new Set(), steps }
  const answers = [...setbacks]
  for (let rounds = 0; rounds < 12; rounds += 1) {
    if (at.row !== null && at.row.due !== null) at.row = { ...at.row, due: now }
    const seen = { ...target, regate: rounds === 0, renewed: rounds === 0 }
    if (round(at, view.desired, seen, () => answers.shift() ?? { is: 'applied' })) return at
  }
  assert.fail('it never comes to rest')
}

const settings = { numRuns: 5_000, seed: 1 }

test('every start comes to its end, and then nothing is left to do', () => {
  fc.assert(
    fc.property(anyKeyView, anyTargetView, fc.array(setback, { maxLength: 3 }), (view, target, setbacks) => {
      settledWell(bringToRest(view, target, setbacks, new Set()), view.desired)
    }),
    settings,
  )
})

test('also where a sending that was cut off tears what was there', () => {
  fc.assert(
    fc.property(anyKeyView, anyTargetView, fc.array(setback, { maxLength: 3 }), (view, target, setbacks) => {
      settledWell(bringToRest(view, { ...target, torn: true }, setbacks, new Set()), view.desired)
    }),
    settings,
  )
})

test('every cell of the lifecycle is one that the loop comes to', () => {
  const steps = new Set<string>(['held released'])
  fc.assert(
    fc.property(anyKeyView, anyTargetView, fc.array(setback, { maxLength: 3 }), (view, target, setbacks) => {
      bringToRest(view, target, setbacks, steps)
      // A gate may hold whatever is to be sent, but what the target has accepted.
      const decision = decide(view, target)
      if (decision.do === 'send' && !decision.resume && decision.note === null) {
        steps.add(`${view.delivery?.state ?? 'none'} held`)
      }
    }),
    settings,
  )
  const cells = Object.entries(lifecycle).flatMap(([state, row]) =>
    Object.entries(row).flatMap(([event, next]) => (next === null ? [] : [`${state} ${event}`])),
  )
  assert.deepEqual([...steps].toSorted(), cells.toSorted())
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

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from '../kernel/errors.ts'
import type { Context } from './context.ts'
import type { Decision } from './decide.ts'
import type { Fact, Stored } from './journal.ts'
import { applied, delivery, now } from './loop-tests/testing/views.ts'
import type { Planned } from './plan.ts'
import { recordHeld, recordLost, recordNote, recordOutcome, recordSent, type At } from './record.ts'
import { createRetries } from './retries.ts'
import { columnsOf } from './target-state.ts'
import type { DeliveryRow, HoldRow } from './tables.ts'
import type { Held, Outcome } from './target.ts'

/** The clock stands still, and chance is at its end: every back-off is as long as it can be. */
const context = { spec: { name: 'house' }, clock: { now: () => now }, random: () => 1 } as unknown as Context
const retryAt = createRetries(context.clock, context.random)
const at: At = { target: 'shelf', epoch: 1, holdsOf: () => [], retryAt }

function planned(row: Stored<DeliveryRow> | null, more: Partial<Planned> = {}): Planned {
  const decision: Decision = { do: 'send', op: 'put', want: 'd2', note: null, hold: null, resume: false }
  return { key: 'k', decision, delivery: row, entry: null, digest: 'd2', held: undefined, ...more }
}

const noting = (event: 'missed' | 'drifted', row: Stored<DeliveryRow>, held: Held | null) =>
  recordNote(context, at, planned(row, { decision: { do: 'note', note: { event, reason: null } }, held })).row!

const outcomeOf = (row: Stored<DeliveryRow> | null, outcome: Outcome) =>
  recordOutcome(context, at, planned(row), row && columnsOf(row), outcome, 'e1')

/** The row of the only fact or quiet row, and the event if there is one. */
function only({ facts, quiet }: { facts: readonly Fact[]; quiet: readonly object[] }) {
  assert.equal(facts.length + quiet.length, 1)
  const change = (facts[0] ?? quiet[0]) as { put: DeliveryRow; event?: Fact['event'] }
  return { row: change.put, event: change.event ?? null }
}

const failed = (detail: string, effect: 'none' | 'unknown' = 'none'): Outcome => ({
  is: 'failed',
  error: new AppError('target.unavailable', detail),
  effect,
})

test('an outcome is told with what it concerns', () => {
  const { row, event } = only(outcomeOf(null, { is: 'rejected', why: 'refused', detail: 'too large', until: 'item' }))
  assert.deepEqual([row.state, row.want, row.digest, row.until, row.due], ['rejected', 'd2', null, 'item', null])
  assert.deepEqual(event, {
    type: 'delivery.rejected',
    sync: 'house',
    target: 'shelf',
    key: 'k',
    reason: 'refused',
    data: { op: 'put', label: null, digest: 'd2', detail: 'too large' },
  })
})

test('what is acknowledged is recorded as it was sent, and nothing of the way there stays', () => {
  const before = delivery({ state: 'failed', digest: 'd1', want: 'd2', attempts: 3, due: now, effectId: 'e1' })
  const { row } = only(outcomeOf(before, { is: 'applied', receipt: { rev: 7 } }))
  const { state, digest, want, attempts, due, effectId, handle, receipt, epoch } = row
  assert.deepEqual(
    [state, digest, want, attempts, due, effectId, handle, receipt, epoch],
    ['applied', 'd2', 'd2', 0, null, null, null, { rev: 7 }, 1],
  )
})

test('the same failure or wait again is no news; another one is', () => {
  const waits = (handle: number): Outcome => ({ is: 'waiting', on: 'build', handle: { handle } })
  const waiting = delivery({ state: 'waiting', want: 'd2', handle: { handle: 1 }, due: now })
  assert.equal(only(outcomeOf(waiting, waits(1))).event, null)
  assert.equal(only(outcomeOf(waiting, waits(2))).event?.type, 'delivery.waiting')
  const before = delivery({ state: 'failed', want: 'd2', detail: 'target does not answer: reset', due: now })
  assert.equal(only(outcomeOf(before, failed('reset'))).event, null)
  assert.equal(only(outcomeOf(before, failed('refused'))).event?.type, 'delivery.failed')
  assert.equal(only(outcomeOf({ ...before, want: 'd1' }, failed('reset'))).event?.type, 'delivery.failed')
})

test('a wait is asked about after the time that the target names, else after 15 s', () => {
  const dueAfter = (again?: number) => {
    const outcome = { is: 'waiting', on: 'build', handle: 1, ...(again !== undefined && { again }) } as const
    return only(outcomeOf(null, outcome)).row.due! - now
  }
  assert.deepEqual([dueAfter(), dueAfter(1_000)], [15_000, 1_000])
})

test('each failure in a row waits up to twice as long, and no longer than a minute', () => {
  const waits: number[] = []
  let row: Stored<DeliveryRow> | null = null
  for (let attempt = 1; attempt < 10; attempt += 1) {
    const next: DeliveryRow = only(outcomeOf(row, failed('reset'))).row
    assert.equal(next.attempts, attempt)
    waits.push(next.due! - now)
    row = { ...next, seq: 1 }
  }
  assert.deepEqual(waits, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000])
})

test('silence counts as a failure that may have had an effect, and backs off like one', () => {
  const before = columnsOf(delivery({ state: 'sending', want: 'd2', effectId: 'e1', attempts: 2 }))
  const { row, event } = only(recordLost(context, at, planned(null), before, 'no-outcome'))
  assert.deepEqual([row.state, row.attempts, row.due! - now, row.effectId], ['unsure', 3, 2_000, 'e1'])
  assert.deepEqual([event?.type, event?.reason], ['delivery.lost', 'no-outcome'])
})

test('a sending carries its id, and is due once nobody can wait for it any more', () => {
  const { row, facts } = recordSent(context, at, planned(applied()), columnsOf(applied()), 'e1')
  assert.deepEqual([row.state, row.effectId, row.want, row.digest], ['sending', 'e1', 'd2', 'd1'])
  assert.ok(row.due! > now)
  assert.equal(facts.length, 1)
})

const hold = (more: Partial<HoldRow> = {}): HoldRow => ({
  id: 'h1',
  sync: 'house',
  target: 'shelf',
  key: 'k',
  gate: 'approval',
  reason: 'approval',
  subject: 's',
  op: 'put',
  label: 'v2',
  state: 'held',
  until: null,
  by: null,
  ...more,
})

test('a hold replaces the ones before it, and leaves those that were released', () => {
  const holds = [hold(), hold({ id: 'h2' }), hold({ id: 'h3', state: 'released' })]
  const { facts } = recordHeld(context, { ...at, holdsOf: () => holds }, planned(null), null, {
    hold: hold(),
    known: null,
  })
  assert.deepEqual(
    facts.map((fact) => [fact.event.type, 'drop' in fact ? fact.drop : null]),
    [
      ['hold.ended', { id: 'h2' }],
      ['hold.raised', null],
      ['delivery.held', null],
    ],
  )
})

test('what is held keeps the id of its sending, and of no other change', () => {
  const idAfter = (row: Partial<DeliveryRow>, held: Partial<HoldRow> = {}) => {
    const before = columnsOf(delivery({ state: 'unsure', want: 'd2', effectId: 'e1', ...row }))
    const { facts } = recordHeld(context, at, planned(null), before, { hold: hold(held), known: null })
    return (facts.at(-1) as unknown as { put: DeliveryRow }).put.effectId
  }
  assert.deepEqual([idAfter({}), idAfter({ want: 'd1' }), idAfter({ op: 'delete' })], ['e1', null, null])
})

test('what a look found in place of ours counts as ours only where ours was, or the inventory says so', () => {
  const theirs = { key: 'k', digest: 'd9', label: 'v9' }
  const sending = delivery({ state: 'sending', want: 'd2' })
  assert.equal(noting('missed', sending, theirs).digest, null)
  assert.equal(noting('missed', sending, { ...theirs, owned: true }).digest, 'd9')
  assert.equal(noting('missed', { ...sending, digest: 'd1' }, theirs).digest, 'd9')
  assert.equal(noting('drifted', applied(), theirs).digest, 'd9')
  assert.equal(noting('drifted', applied(), null).digest, null)
})

test('where labels are all that can be told, what was found is something, and no digest that is wanted', () => {
  const { digest } = noting('drifted', applied(), { key: 'k', digest: null, label: 'v1' })
  assert.ok(digest !== null && digest !== 'd1')
})

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { lifecycle, step, type LifecycleEvent, type Next, type State } from './lifecycle.ts'

/** The table once more, whole, so that nobody changes it by accident. A missing cell does not compile. */
const expected: Record<State, Record<LifecycleEvent, Next>> = {
  none: {
    held: 'held',
    released: null,
    sent: 'sending',
    applied: 'applied',
    removed: null,
    waiting: 'waiting',
    rejected: 'rejected',
    failed: 'failed',
    lost: 'unsure',
    adopted: 'applied',
    drifted: null,
    missed: null,
    vanished: null,
    unwanted: null,
    settled: null,
  },
  pending: {
    held: 'held',
    released: null,
    sent: 'sending',
    applied: 'applied',
    removed: 'none',
    waiting: 'waiting',
    rejected: 'rejected',
    failed: 'failed',
    lost: 'unsure',
    adopted: 'applied',
    drifted: null,
    missed: null,
    vanished: 'none',
    unwanted: 'none',
    settled: 'applied',
  },
  held: {
    held: 'held',
    released: 'pending',
    sent: 'sending',
    applied: 'applied',
    removed: 'none',
    waiting: 'waiting',
    rejected: 'rejected',
    failed: 'failed',
    lost: 'unsure',
    adopted: 'applied',
    drifted: null,
    missed: null,
    vanished: 'none',
    unwanted: 'none',
    settled: 'applied',
  },
  rejected: {
    held: 'held',
    released: null,
    sent: 'sending',
    applied: 'applied',
    removed: 'none',
    waiting: 'waiting',
    rejected: 'rejected',
    failed: 'failed',
    lost: 'unsure',
    adopted: 'applied',
    drifted: null,
    missed: null,
    vanished: 'none',
    unwanted: 'none',
    settled: 'applied',
  },
  failed: {
    held: 'held',
    released: null,
    sent: 'sending',
    applied: 'applied',
    removed: 'none',
    waiting: 'waiting',
    rejected: 'rejected',
    failed: 'failed',
    lost: 'unsure',
    adopted: 'applied',
    drifted: null,
    missed: null,
    vanished: 'none',
    unwanted: 'none',
    settled: 'applied',
  },
  waiting: {
    held: 'held',
    released: null,
    sent: 'sending',
    applied: 'applied',
    removed: 'none',
    waiting: 'waiting',
    rejected: 'rejected',
    failed: 'failed',
    lost: 'unsure',
    adopted: 'applied',
    drifted: null,
    missed: null,
    vanished: 'none',
    unwanted: null,
    settled: null,
  },
  applied: {
    held: 'held',
    released: null,
    sent: 'sending',
    applied: 'applied',
    removed: 'none',
    waiting: 'waiting',
    rejected: 'rejected',
    failed: 'failed',
    lost: 'unsure',
    adopted: 'applied',
    drifted: 'pending',
    missed: 'pending',
    vanished: 'none',
    unwanted: null,
    settled: null,
  },
  sending: {
    held: null,
    released: null,
    sent: null,
    applied: 'applied',
    removed: 'none',
    waiting: 'waiting',
    rejected: 'rejected',
    failed: 'failed',
    lost: 'unsure',
    adopted: 'applied',
    drifted: null,
    missed: 'pending',
    vanished: 'none',
    unwanted: null,
    settled: null,
  },
  unsure: {
    held: 'held',
    released: null,
    sent: 'sending',
    applied: 'applied',
    removed: 'none',
    waiting: 'waiting',
    rejected: 'rejected',
    failed: 'failed',
    lost: 'unsure',
    adopted: 'applied',
    drifted: null,
    missed: 'pending',
    vanished: 'none',
    unwanted: null,
    settled: null,
  },
}

test('the table is what it is meant to be', () => {
  assert.deepEqual(lifecycle, expected)
})

test('a step is a cell of the table, and an empty cell is a defect of the loop', () => {
  for (const [state, row] of Object.entries(expected) as [State, Record<LifecycleEvent, Next>][]) {
    for (const [event, next] of Object.entries(row) as [LifecycleEvent, Next][]) {
      if (next === null) assert.throws(() => step(state, event), new RegExp(`${event} while ${state}`))
      else assert.equal(step(state, event), next)
    }
  }
})

test('wherever a key stands, a look or an answer can end it well', () => {
  for (const state of Object.keys(expected) as State[]) {
    assert.equal(lifecycle[state].adopted, 'applied', state)
    assert.equal(lifecycle[state].applied, 'applied', state)
    if (state !== 'none') assert.equal(lifecycle[state].vanished, 'none', state)
  }
})

test('the README shows this table', () => {
  const readme = readFileSync(new URL('README.md', import.meta.url), 'utf8')
  const rows = readme
    .split('\n')
    .filter((line) => line.startsWith('| **'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
  const events = readme
    .split('\n')
    .find((line) => line.startsWith('| state \\ event'))!
    .split('|')
    .slice(2, -1)
    .map((cell) => cell.trim()) as LifecycleEvent[]
  const shown = rows.map(([state, ...cells]) => [
    state!.replaceAll('*', ''),
    Object.fromEntries(events.map((event, at) => [event, cells[at] === '·' ? null : cells[at]])),
  ])
  assert.deepEqual(Object.fromEntries(shown), lifecycle)
})

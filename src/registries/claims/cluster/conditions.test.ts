import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KubernetesObject } from '../../../connectors/kubernetes/objects.ts'
import { causeOf, factsOf, onlyWaits, tell } from './conditions.ts'
import { wireLimits } from '../wire.ts'

const waits = 'Claim is waiting for composite resource to become Ready'
const [ready, synced] = [
  { type: 'Ready', status: 'True', reason: 'Available' },
  { type: 'Synced', status: 'True', reason: 'ReconcileSuccess' },
]
const failed = { type: 'Synced', status: 'False', reason: 'ReconcileError', message: 'cannot compose resources: boom' }
const unready = { type: 'Ready', status: 'False', reason: 'Waiting', message: waits }

function object(conditions: unknown, more: Record<string, unknown> = {}, metadata = {}): KubernetesObject {
  return { metadata: { name: 'a', namespace: 'ns', ...metadata }, status: { conditions }, ...more }
}
const full = (of: KubernetesObject, cause: string | null = null) => tell(factsOf(of), 'full', cause)
const original = (of: KubernetesObject) => tell(factsOf(of), 'original', 'never shown').message

test('the five texts of the original', () => {
  assert.equal(original(object([])), 'no status conditions available')
  assert.equal(original({ metadata: { name: 'a' } }), 'no status conditions available')
  assert.equal(original(object([synced])), 'no Ready condition found')
  assert.equal(original(object([unready, synced])), waits)
  assert.equal(original(object([ready])), 'Ready=True')
  assert.equal(original(object([{ type: 'Ready', status: 'Unknown' }])), 'Ready=Unknown')
  assert.equal(original(object([{ type: 'Ready' }])), 'Ready=')
  // The first of a type counts, and a failed sync is not seen.
  assert.equal(original(object([{ ...ready, message: 'one' }, { ...ready, message: 'two' }, failed])), 'one')
})

test('conditions that are no list are nothing that could be told', () => {
  assert.throws(() => factsOf(object({ Ready: 'True' })), /status\.conditions is no list/)
  assert.equal(original(object(['odd', null])), 'no Ready condition found')
})

test('healthy is ready and not failing to sync', () => {
  assert.deepEqual(full(object([ready, synced])), { message: 'Ready: True, Synced: True', health: 'active' })
  assert.deepEqual(full(object([ready, failed])), {
    message: 'Ready: True; Synced: False (ReconcileError): cannot compose resources: boom',
    health: 'error',
  })
  assert.deepEqual(full(object([ready])), { message: 'Ready: True', health: 'active' })
  assert.deepEqual(full(object([{ type: 'Ready', status: 'Unknown' }, synced])), {
    message: 'Ready: Unknown; Synced: True',
    health: 'unknown',
  })
  assert.equal(full(object([{ type: 'Ready', status: 'False', reason: 'Unavailable' }])).health, 'error')
  assert.equal(full(object([{ type: 'Ready', status: 'False', reason: 'Creating' }])).health, 'creating')
  assert.deepEqual(full(object([])), { message: 'no conditions yet', health: 'creating' })
  assert.deepEqual(full(object([synced])), { message: 'no Ready condition; Synced: True', health: 'creating' })
})

test('deleting, paused, stopped for changing too often, and behind its generation', () => {
  const going = full(object([ready, synced], {}, { deletionTimestamp: '2026-11-21T00:00:00Z' }))
  assert.deepEqual(going, { message: 'Deleting; Ready: True, Synced: True', health: 'deleting' })
  assert.equal(full(object([{ type: 'Ready', status: 'False', reason: 'Deleting' }])).health, 'deleting')
  const paused = { type: 'Synced', status: 'False', reason: 'ReconcilePaused' }
  assert.deepEqual(full(object([ready, paused], {}, { annotations: { 'crossplane.io/paused': 'true' } })), {
    message: 'Paused; Ready: True; Synced: False (ReconcilePaused)',
    health: 'active',
  })
  const open = { type: 'Responsive', status: 'False', reason: 'WatchCircuitOpen', message: 'too many events' }
  const stopped = 'Ready: True; Synced: True; Responsive: False (WatchCircuitOpen): too many events'
  assert.equal(full(object([ready, synced, open])).message, stopped)
  const behind = object([{ ...ready, observedGeneration: 3 }, synced], {}, { generation: 4 })
  assert.equal(full(behind).message, 'Ready: True, Synced: True (about generation 3)')
})

test('the cause stands in place of a sentence that only says that it waits', () => {
  const claim = object([unready, synced])
  const cause = causeOf(factsOf(object([{ ...unready, reason: 'Creating', message: 'Unready resources: cat, cow' }])))
  assert.equal(onlyWaits(factsOf(claim)), true)
  assert.deepEqual(full(claim, cause), {
    message: 'Ready: False (Waiting): Unready resources: cat, cow; Synced: True',
    health: 'creating',
  })
  assert.equal(full(claim).message, `Ready: False (Waiting): ${waits}; Synced: True`)
  // Releases before had the sentence for a reason.
  const old = 'Composite resource claim is waiting for composite resource to become Ready'
  assert.equal(onlyWaits(factsOf(object([{ type: 'Ready', status: 'False', reason: old }]))), true)
  const before = object([{ type: 'Ready', status: 'False', reason: old }])
  assert.equal(full(before).message, `Ready: False (${old})`)
  assert.equal(full(before, cause).message, 'Ready: False: Unready resources: cat, cow')
  assert.equal(onlyWaits(factsOf(object([ready]))), false)
  // A composite resource that fails to sync says why there.
  assert.equal(causeOf(factsOf(object([unready, failed]))), failed.message)
  assert.equal(causeOf(factsOf(object([ready, synced]))), null)
})

test('names its composite resource, and whether a claim speaks for it', () => {
  const ref = { apiVersion: 'example.org/v1', kind: 'XDatabase', name: 'a-x2f' }
  const composite = { group: 'example.org', version: 'v1', kind: 'XDatabase', name: 'a-x2f' }
  assert.deepEqual(factsOf(object([], { spec: { resourceRef: ref } })).composite, composite)
  assert.equal(factsOf(object([], { spec: { resourceRef: { kind: 'X' } } })).composite, null)
  assert.equal(factsOf(object([], { spec: { claimRef: { name: 'a' } } })).claimed, true)
})

test('messages are what every ledger takes', () => {
  const said = (message: string) => full(object([{ type: 'Ready', status: 'False', message }])).message
  assert.equal(said('a\0b\ud800c'), 'Ready: False: a\uFFFDb\uFFFDc')
  const long = said('é'.repeat(wireLimits.messageBytes))
  assert.ok(Buffer.byteLength(long) <= wireLimits.messageBytes)
  assert.match(long, /é…$/)
})

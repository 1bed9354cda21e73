import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFakeClock } from '../../engine/testing/fake-clock.ts'
import { AppError } from '../../kernel/errors.ts'
import { unavailable } from './failure.ts'
import { createGate } from './gate.ts'

const signal = new AbortController().signal
const open = (more: { concurrency?: number; rate?: number; minRemaining?: number } = {}) => {
  const clock = createFakeClock()
  return { clock, gate: createGate({ host: 'a.io', clock, random: () => 0.5, concurrency: 2, ...more }) }
}

test('lets in as many as there are places, in the order in which they came', async () => {
  const { gate } = open()
  const leaves = [await gate.enter(signal), await gate.enter(signal)]
  const came: number[] = []
  const waiting = [0, 1, 2].map((at) => gate.enter(signal).then((leave) => (came.push(at), leave)))
  await new Promise(setImmediate)
  assert.deepEqual(came, [])
  // Blobs have places of their own.
  const blob = await gate.enter(signal, 'blobs')
  blob()
  leaves[0]!()
  ;(await waiting[0]!)()
  ;(await waiting[1]!)()
  await waiting[2]
  assert.deepEqual(came, [0, 1, 2])
})

test('who leaves the queue takes no place', async () => {
  const { gate } = open({ concurrency: 1 })
  const leave = await gate.enter(signal)
  const gone = new AbortController()
  const first = gate.enter(gone.signal)
  const second = gate.enter(signal)
  gone.abort()
  await assert.rejects(first, { code: 'aborted' })
  await assert.rejects(gate.enter(gone.signal), { code: 'aborted' })
  leave()
  ;(await second)()
  ;(await gate.enter(signal))()
})

test('nobody goes to a host that wants to be left alone; for long nobody waits', async () => {
  const { clock, gate } = open()
  gate.rest(10_000)
  gate.rest(5000)
  const before = clock.now()
  ;(await clock.drive(gate.enter(signal)))()
  assert.ok(clock.now() - before >= 10_000 && clock.now() - before < 15_000, `${clock.now() - before}`)
  gate.rest(600_000)
  const refused = (thrown: unknown) => thrown instanceof AppError && thrown.data['retryAfter'] === 600_000
  // Each of them gives its place back.
  for (let count = 0; count < 5; count++) await assert.rejects(gate.enter(signal), refused)
  await clock.advance(590_000)
  ;(await clock.drive(gate.enter(signal)))()
})

test('an abort ends the wait for a host', async () => {
  const { gate } = open({ concurrency: 1 })
  gate.rest(10_000)
  const gone = new AbortController()
  const entered = gate.enter(gone.signal)
  gone.abort()
  await assert.rejects(entered, { code: 'aborted' })
})

test('keeps to a rate', async () => {
  const { clock, gate } = open({ rate: 10, concurrency: 100 })
  const from = clock.now()
  const all = Promise.all(Array.from({ length: 21 }, () => gate.enter(signal)))
  await clock.drive(all)
  const took = clock.now() - from
  assert.ok(took >= 1900 && took <= 2200, `${took}`)
})

test('after many failures in a row nobody asks for a while; an answer of any kind ends the row', async () => {
  const { clock, gate } = open({ concurrency: 16 })
  const failure = unavailable('network', 'a.io', 'gone')
  for (let count = 0; count < 31; count++) gate.ended(failure)
  gate.ended(null)
  for (let count = 0; count < 31; count++) gate.ended(failure)
  ;(await gate.enter(signal))()
  gate.ended(failure)
  await assert.rejects(gate.enter(signal), failure)
  await clock.advance(5000)
  ;(await gate.enter(signal))()
  gate.ended(failure)
  await assert.rejects(gate.enter(signal), failure)
})

test('who wants to be left alone without a word of how long is left alone longer each time, until it answers', async () => {
  const { clock, gate } = open()
  const waits: number[] = []
  const rest = async () => {
    gate.rest(null)
    const from = clock.now()
    ;(await clock.drive(gate.enter(signal)))()
    waits.push(clock.now() - from)
  }
  for (let count = 0; count < 4; count++) await rest()
  assert.ok(
    waits.every((wait, at) => at === 0 || wait > waits[at - 1]!),
    String(waits),
  )
  for (let count = 0; count < 8; count++) gate.rest(null)
  await assert.rejects(gate.enter(signal), (thrown) => Number((thrown as AppError).data['retryAfter']) > 30_000)
  await clock.advance(600_000)
  gate.ended(null)
  await rest()
  assert.equal(waits.at(-1), waits[0])
})

test('what is to be left over of what is counted is left over, until it is due to be asked anew', async () => {
  const { clock, gate } = open({ minRemaining: 10 })
  gate.spend()
  gate.left(11, 60_000)
  gate.spend()
  gate.left(10, 60_000)
  assert.throws(
    () => gate.spend(),
    (thrown: AppError) => thrown.data['why'] === 'rate-limited' && thrown.data['retryAfter'] === 60_000,
  )
  // What is not counted goes on.
  ;(await gate.enter(signal))()
  await clock.advance(60_000)
  gate.spend()
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFakeClock } from '../engine/testing/fake-clock.ts'
import { createDeadline } from './deadline.ts'
import type { AppError } from './errors.ts'

const hangs = new Promise<never>(() => {})
const coded = (code: string) => (error: AppError) => error.code === code

function setUp(bound = 1_000) {
  const clock = createFakeClock()
  const parent = new AbortController()
  const deadline = createDeadline(clock, bound, parent.signal, 'the work')
  return { clock, parent, deadline }
}

test('work that ends in time is passed on, and leaves no timer behind', async () => {
  const { clock, deadline } = setUp()
  assert.equal(await deadline.within(Promise.resolve(7)), 7)
  await assert.rejects(deadline.within(Promise.reject(new Error('no'))), /no/)
  await clock.settle()
  assert.deepEqual([clock.sleeping, deadline.signal.aborted], [0, false])
})

test('work that hangs and listens to nothing is given up after the bound', async () => {
  const { clock, deadline } = setUp()
  const before = clock.now()
  await assert.rejects(clock.drive(deadline.within(hangs)), coded('timed-out'))
  assert.deepEqual([clock.now() - before, deadline.signal.aborted], [1_000, true])
})

test('each wait has the whole bound', async () => {
  const { clock, deadline } = setUp()
  for (let wait = 0; wait < 3; wait += 1) await clock.drive(deadline.within(clock.sleep(900)))
  assert.equal(deadline.signal.aborted, false)
})

test('once it is over, later waits end at once', async () => {
  const { clock, deadline } = setUp()
  await assert.rejects(clock.drive(deadline.within(hangs)), coded('timed-out'))
  await assert.rejects(deadline.within(hangs), coded('timed-out'))
})

test('the parent’s abort ends the wait, with its reason as the cause', async () => {
  const { parent, deadline } = setUp()
  const work = deadline.within(hangs)
  parent.abort(new Error('the engine stops'))
  await assert.rejects(work, (error: AppError) => {
    assert.equal((error.cause as Error).message, 'the engine stops')
    return error.code === 'aborted'
  })
})

test('a parent that is aborted already lets nothing begin', async () => {
  const parent = AbortSignal.abort(new Error('too late'))
  const deadline = createDeadline(createFakeClock(), 1_000, parent, 'the work')
  await assert.rejects(deadline.within(hangs), coded('aborted'))
})

test('who fails after the wait was given up is no unhandled rejection', async () => {
  const unhandled: unknown[] = []
  const listen = (reason: unknown) => void unhandled.push(reason)
  process.on('unhandledRejection', listen)
  try {
    const { clock, deadline } = setUp()
    const late = Promise.withResolvers<never>()
    await assert.rejects(clock.drive(deadline.within(late.promise)), coded('timed-out'))
    late.reject(new Error('late'))
    await clock.settle()
    await clock.settle()
    assert.deepEqual(unhandled, [])
  } finally {
    process.off('unhandledRejection', listen)
  }
})

test('the end tells the work to stop, and lets go of the parent', async () => {
  const { parent, deadline } = setUp()
  const work = deadline.within(hangs)
  deadline.end()
  await assert.rejects(work, coded('aborted'))
  const { reason } = deadline.signal
  parent.abort()
  assert.equal(deadline.signal.reason, reason)
})

test('a stream is passed on item by item', async () => {
  const { deadline } = setUp()
  const seen: number[] = []
  for await (const item of deadline.each([1, 2])) seen.push(item)
  for await (const item of deadline.each(counting(2))) seen.push(item)
  assert.deepEqual(seen, [1, 2, 0, 1])
})

test('a stream that stalls is given up, and told to clean up without being waited for', async () => {
  const { clock, deadline } = setUp()
  let cleaned = false
  const stalled: AsyncIterable<number> = {
    [Symbol.asyncIterator]: () => ({
      next: () => hangs,
      return: () => {
        cleaned = true
        return hangs
      },
    }),
  }
  const reading = (async () => {
    for await (const _ of deadline.each(stalled)) assert.fail('nothing comes')
  })()
  await assert.rejects(clock.drive(reading), coded('timed-out'))
  assert.equal(cleaned, true)
})

test('a stream whose clean-up fails is no unhandled rejection', async () => {
  const { clock, deadline } = setUp()
  const broken: AsyncIterable<number> = {
    [Symbol.asyncIterator]: () => ({ next: () => hangs, return: () => Promise.reject(new Error('in clean-up')) }),
  }
  const reading = (async () => {
    for await (const _ of deadline.each(broken)) assert.fail('nothing comes')
  })()
  await assert.rejects(clock.drive(reading), coded('timed-out'))
  await clock.settle()
})

test('who leaves a stream early ends it', async () => {
  const { deadline } = setUp()
  let ended = false
  async function* items() {
    try {
      yield await Promise.resolve(1)
      yield 2
    } finally {
      ended = true
    }
  }
  for await (const _ of deadline.each(items())) break
  await Promise.resolve()
  assert.equal(ended, true)
})

async function* counting(to: number): AsyncGenerator<number> {
  for (let n = 0; n < to; n += 1) yield await Promise.resolve(n)
}

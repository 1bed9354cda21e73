import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFakeClock } from './fake-clock.ts'

test('sleepers wake in order of their time, and what one sets off is settled before the next', async () => {
  const clock = createFakeClock({ start: 1_000 })
  const seen: string[] = []
  const sleeper = async (name: string, ms: number) => {
    await clock.sleep(ms)
    seen.push(`${name} ${clock.now()}`)
    await clock.sleep(5)
    seen.push(`${name} again ${clock.now()}`)
  }
  void sleeper('late', 20)
  void sleeper('early', 10)
  await clock.advance(15)
  assert.deepEqual(seen, ['early 1010', 'early again 1015'])
  assert.equal(clock.now(), 1_015)
  await clock.advance(100)
  assert.deepEqual(seen.slice(2), ['late 1020', 'late again 1025'])
})

test('an aborted sleep ends at once, and time does not move for it', async () => {
  const clock = createFakeClock()
  const stop = new AbortController()
  const slept = clock.sleep(1_000, stop.signal).then(() => clock.now())
  const before = clock.now()
  stop.abort()
  assert.equal(await slept, before)
  assert.equal(clock.sleeping, 0)
})

test('drive jumps to whatever is waited for, and says when nothing is', async () => {
  const clock = createFakeClock()
  const before = clock.now()
  await clock.drive(clock.sleep(3_600_000))
  assert.equal(clock.now() - before, 3_600_000)
  await assert.rejects(clock.drive(new Promise(() => {})), /nobody will do/)
  await assert.rejects(clock.drive(clock.sleep(10_000), 1_000), /not done within 1000 ms/)
})

test('the sleepers of a stopped process never wake', async () => {
  const clock = createFakeClock()
  const process = clock.fork()
  let woken = false
  void process.sleep(10).then(() => {
    woken = true
  })
  process.stop()
  void process.sleep(10).then(() => {
    woken = true
  })
  await clock.advance(100)
  assert.equal(woken, false)
})

test('settling waits for work outside the event loop', async () => {
  const outside = { busy: true, idle: () => new Promise<void>((resolve) => void setImmediate(() => resolve())) }
  const clock = createFakeClock({ outside })
  let idles = 0
  const settled = clock.settle()
  outside.idle = async () => {
    idles += 1
    outside.busy = idles < 3
  }
  await settled
  assert.equal(idles, 3)
})

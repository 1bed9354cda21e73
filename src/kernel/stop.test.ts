import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { test } from 'node:test'
import type { Clock, Ms } from './clock.ts'
import { stopOnSignals } from './stop.ts'

function setUp() {
  const at = { now: 5000 as Ms }
  const clock: Clock = { now: () => at.now, monotonic: () => at.now, sleep: () => Promise.resolve() }
  const from = new EventEmitter()
  const ended: number[] = []
  const stop = stopOnSignals(clock, from, (code) => ended.push(code))
  return { at, from, ended, stop }
}

test('the first signal aborts and says which one it was', () => {
  const { from, ended, stop } = setUp()
  assert.equal(stop.signal.aborted, false)
  from.emit('SIGTERM', 'SIGTERM')
  assert.equal(stop.signal.aborted, true)
  assert.equal(stop.signal.reason, 'SIGTERM')
  assert.deepEqual(ended, [])
})

test('one Ctrl-C that arrives three times is one wish', () => {
  const { at, from, ended } = setUp()
  for (const later of [0, 3, 900]) {
    at.now = 5000 + later
    from.emit('SIGINT', 'SIGINT')
  }
  assert.deepEqual(ended, [])
})

test('a second wish ends the process at once, with the code a shell would give', () => {
  const { at, from, ended } = setUp()
  from.emit('SIGINT', 'SIGINT')
  at.now += 1001
  from.emit('SIGTERM', 'SIGTERM')
  assert.deepEqual(ended, [143])
})

test('disposed: signals do what they did before', () => {
  const { from, stop } = setUp()
  stop[Symbol.dispose]()
  assert.equal(from.listenerCount('SIGINT') + from.listenerCount('SIGTERM') + from.listenerCount('SIGHUP'), 0)
})

/**
 * Time in which this process ran and could have heard somebody: what silence is measured by. It grows by what passed
 * since the last tick, at most two ticks; so a stalled or suspended process, a jump of the wall clock and an hour of
 * downtime count nothing. It goes on after a restart from the value in the log.
 */
import type { Clock, Ms } from '../../../kernel/clock.ts'

export const tickLength: Ms = 1_000

export interface LeaseClock {
  /** As of the last tick, whole milliseconds. */
  readonly now: Ms
  /**
   * Whoever is heard of now is noted with this, the next tick: rounded up, so that nobody's silence is ever counted
   * longer than it was, and a heartbeat reads no clock.
   */
  readonly ahead: Ms
  /** As the log has it: where several processes write, the furthest of their clocks, for the next one to begin with. */
  readonly logged: Ms
  /** How much of the time that passed was not counted. */
  tick(): Ms
  /** Another process has counted so far. What is measured here goes on as before. */
  keepUpWith(logged: Ms): void
  /** Goes on from there; only forward. */
  resume(from: Ms): void
}

export function createLeaseClock(clock: Clock): LeaseClock {
  let last = clock.monotonic()
  let exact = 0
  let ahead = 0
  const lease = {
    now: 0,
    ahead: tickLength,
    tick() {
      const elapsed = clock.monotonic() - last
      last += elapsed
      const counted = Math.min(elapsed, 2 * tickLength)
      set(exact + counted)
      return elapsed - counted
    },
    get logged() {
      return lease.now + ahead
    },
    keepUpWith(logged: Ms) {
      ahead = Math.max(ahead, logged - lease.now)
    },
    resume(from: Ms) {
      last = clock.monotonic()
      set(Math.max(exact, from))
    },
  }
  const set = (to: Ms) => {
    exact = to
    lease.now = Math.floor(to)
    lease.ahead = lease.now + tickLength
  }
  return lease
}

/** One timer for all repositories: sleeps until the first of them is due. A heap, so that ten thousand cost no more. */
import type { Clock, Instant, Ms } from '../../../kernel/clock.ts'

export interface Alarms<T> {
  /** Rings at that time, in place of any that was set before; null: not at all. */
  set(of: T, at: Instant | null): void
  at(of: T): Instant | null
  /** Rings no more; resolves once nothing waits. */
  stop(): Promise<void>
}

export interface AlarmParts<T> {
  readonly clock: Clock
  /** Begins what is due; does not wait for it. Its alarm is off by then. */
  readonly ring: (of: T) => void
  /** The clock was set back: what is set is meant for a time that is far away now. */
  readonly setBack: () => void
}

interface Alarm<T> {
  readonly of: T
  at: Instant
  index: number
}

/** A machine that slept, or whose clock was set, is noticed within this time. */
const longestSleep: Ms = 60_000

export function createAlarms<T>({ clock, ring, setBack }: AlarmParts<T>): Alarms<T> {
  const heap: Alarm<T>[] = []
  const alarms = new Map<T, Alarm<T>>()
  let stopped = false
  let loop: Promise<void> | null = null
  let sleep: { readonly until: Instant; readonly woken: AbortController } | null = null

  function place(alarm: Alarm<T>, index: number): void {
    heap[index] = alarm
    alarm.index = index
  }

  /** Puts an alarm where it belongs, whichever way it moved. */
  function settle(alarm: Alarm<T>): void {
    let { index } = alarm
    for (let above = (index - 1) >> 1; index > 0 && heap[above]!.at > alarm.at; above = (index - 1) >> 1) {
      place(heap[above]!, index)
      index = above
    }
    for (;;) {
      const left = 2 * index + 1
      const first = left + 1 < heap.length && heap[left + 1]!.at < heap[left]!.at ? left + 1 : left
      if (first >= heap.length || heap[first]!.at >= alarm.at) break
      place(heap[first]!, index)
      index = first
    }
    place(alarm, index)
  }

  function remove(alarm: Alarm<T>): void {
    alarms.delete(alarm.of)
    const last = heap.pop()!
    if (last === alarm) return
    last.index = alarm.index
    settle(last)
  }

  async function run(): Promise<void> {
    let last = clock.now()
    while (!stopped && heap.length > 0) {
      const now = clock.now()
      if (now < last - longestSleep) setBack()
      last = now
      for (let first = heap[0]; first !== undefined && first.at <= now; first = heap[0]) {
        remove(first)
        ring(first.of)
      }
      const next = heap[0]
      if (next === undefined || stopped) break
      sleep = { until: next.at, woken: new AbortController() }
      await clock.sleep(Math.min(next.at - now, longestSleep), sleep.woken.signal)
      sleep = null
    }
    loop = null
  }

  return {
    set(of, at) {
      const before = alarms.get(of)
      if (at === null) {
        if (before) remove(before)
        return
      }
      if (stopped) return
      const alarm = before ?? { of, at, index: heap.length }
      alarm.at = at
      if (!before) {
        alarms.set(of, alarm)
        heap.push(alarm)
      }
      settle(alarm)
      if (loop === null) loop = Promise.resolve().then(run)
      // With a reason: without one an exception and its stack are made each time.
      else if (sleep !== null && at < sleep.until) sleep.woken.abort(null)
    },
    at: (of) => alarms.get(of)?.at ?? null,
    async stop() {
      stopped = true
      heap.length = 0
      alarms.clear()
      sleep?.woken.abort(null)
      await loop
    },
  }
}

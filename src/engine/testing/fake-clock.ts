import type { Clock, Instant, Ms } from '../../kernel/clock.ts'

/**
 * Time that moves only when a test says so. Sleepers wake in order of their time, then of their
 * call, and everything that one of them sets off is settled before the next wakes: the same calls
 * give the same run.
 */
export interface FakeClock extends Clock {
  /** Moves time on by `ms`, waking every sleeper on the way. */
  advance(ms: Ms): Promise<void>
  /** Everything that can happen without time passing has happened. */
  settle(): Promise<void>
  /**
   * Waits for the promise; time jumps to the next sleeper whenever nothing else can happen. Throws
   * when nothing is left to wait for, or when more than `bound` of this clock's time has passed.
   */
  drive<T>(promise: Promise<T>, bound?: Ms): Promise<T>
  /** The same time for one process: after `stop` none of its sleepers wakes any more. */
  fork(): Clock & { stop(): void }
  /** How many sleepers wait. */
  readonly sleeping: number
}

/** Work outside the event loop's own queues (a worker, a socket) that `settle` must wait for. */
export interface Outside {
  readonly busy: boolean
  idle(): Promise<void>
}

interface Sleeper {
  readonly at: Instant
  readonly order: number
  readonly owner: object
  wake(): void
}

const hour = 3_600_000

export function createFakeClock(options: { start?: Instant; outside?: Outside } = {}): FakeClock {
  const outside = options.outside
  const sleepers = new Set<Sleeper>()
  let now = options.start ?? 1_700_000_000_000
  let calls = 0

  const sleep = (owner: object, ms: Ms, signal?: AbortSignal): Promise<void> => {
    if (signal?.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const wake = () => {
        sleepers.delete(sleeper)
        signal?.removeEventListener('abort', wake)
        resolve()
      }
      const sleeper: Sleeper = { at: now + Math.max(0, ms), order: (calls += 1), owner, wake }
      sleepers.add(sleeper)
      signal?.addEventListener('abort', wake, { once: true })
    })
  }

  const next = (): Sleeper | null => {
    let first: Sleeper | null = null
    for (const one of sleepers) {
      if (!first || one.at < first.at || (one.at === first.at && one.order < first.order)) first = one
    }
    return first
  }

  const settle = async (): Promise<void> => {
    do {
      if (outside?.busy) await outside.idle()
      await turn()
    } while (outside?.busy)
  }

  const wakeNext = (until: Instant): boolean => {
    const first = next()
    if (!first || first.at > until) return false
    now = Math.max(now, first.at)
    first.wake()
    return true
  }

  const view = (owner: object): Clock => ({
    now: () => now,
    monotonic: () => now,
    sleep: (ms, signal) => sleep(owner, ms, signal),
  })

  return {
    ...view({}),
    get sleeping() {
      return sleepers.size
    },
    settle,
    async advance(ms) {
      const until = now + ms
      await settle()
      while (wakeNext(until)) await settle()
      now = until
    },
    async drive(promise, bound = 24 * hour) {
      const until = now + bound
      let settled = false
      const done = () => {
        settled = true
      }
      promise.then(done, done)
      for (;;) {
        await settle()
        if (settled) return promise
        if (sleepers.size === 0) throw new Error('waits for something that nobody will do')
        if (!wakeNext(until)) throw new Error(`not done within ${bound} ms`)
      }
    },
    fork() {
      const owner = {}
      let stopped = false
      const own = view(owner)
      return {
        ...own,
        sleep: (ms, signal) => (stopped ? new Promise(() => {}) : own.sleep(ms, signal)),
        stop() {
          stopped = true
          for (const one of sleepers) if (one.owner === owner) sleepers.delete(one)
        },
      }
    },
  }
}

/** One turn of the event loop: every promise that can settle has settled. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

import type { Clock, Ms } from './clock.ts'
import { AppError } from './errors.ts'

/** Bounds each wait on something outside, whether or not it listens to its signal. */
export interface Deadline {
  /** Aborts when one wait took too long, the parent aborted, or `end` was called. */
  readonly signal: AbortSignal
  /** Rejects with `timed-out` after the bound or `aborted` with the parent; each call starts the bound anew. */
  within<T>(work: Promise<T>): Promise<T>
  /** The items of a stream, each wait for the next one bounded. */
  each<T>(items: AsyncIterable<T> | Iterable<T>): AsyncIterable<T>
  /** Call it when done; frees the listener on the parent. */
  end(): void
}

/** `what` completes the sentence "no answer in time: …". */
export function createDeadline(clock: Clock, bound: Ms, parent: AbortSignal | undefined, what: string): Deadline {
  const controller = new AbortController()
  const stop = () => controller.abort(new AppError('aborted', what, { cause: parent?.reason }))
  if (parent?.aborted) stop()
  parent?.addEventListener('abort', stop, { once: true })

  async function within<T>(work: Promise<T>): Promise<T> {
    const settled = new AbortController()
    const aborted = Promise.withResolvers<never>()
    const fail = () => aborted.reject(controller.signal.reason)
    controller.signal.addEventListener('abort', fail, { once: true })
    if (controller.signal.aborted) fail()
    void clock.sleep(bound, settled.signal).then(() => {
      if (!settled.signal.aborted) controller.abort(new AppError('timed-out', `${what} (${bound} ms)`))
    })
    try {
      return await Promise.race([work, aborted.promise])
    } finally {
      // With a reason: without one a DOMException and its stack are made each time (10 µs).
      settled.abort(null)
      controller.signal.removeEventListener('abort', fail)
      // Whoever lost the race must not become an unhandled rejection.
      aborted.promise.catch(() => {})
      work.catch(() => {})
    }
  }

  return {
    signal: controller.signal,
    within,
    async *each(items) {
      if (Symbol.iterator in items) return yield* items
      const iterator = items[Symbol.asyncIterator]()
      try {
        for (;;) {
          const next = await within(Promise.resolve(iterator.next()))
          if (next.done) return
          yield next.value
        }
      } finally {
        // Not awaited: whoever hangs in its clean-up must not hang us.
        void Promise.resolve(iterator.return?.()).catch(() => {})
      }
    },
    end() {
      parent?.removeEventListener('abort', stop)
      if (!controller.signal.aborted) controller.abort(new AppError('aborted', what))
    },
  }
}

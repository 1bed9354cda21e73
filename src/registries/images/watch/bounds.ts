/** Bounds looks at registries by one timer for all: a deadline of its own for each cost a tenth of a look. */
import type { Clock, Ms } from '../../../kernel/clock.ts'
import { AppError } from '../../../kernel/errors.ts'
import { createAlarms } from './alarms.ts'

export interface Bounded<T> {
  /** Rejects with `timed-out` after the bound, and with the reason of `abort`, whether or not the work listens. */
  readonly done: Promise<T>
  abort(reason: unknown): void
}

export interface Bounds {
  begin<T>(what: string, work: (signal: AbortSignal) => Promise<T>): Bounded<T>
  /** To be called once nothing goes on any more. */
  stop(): Promise<void>
}

export function createBounds(clock: Clock, bound: Ms): Bounds {
  const alarms = createAlarms<{ expire(): void }>({ clock, ring: (of) => of.expire(), setBack: () => {} })

  return {
    begin<T>(what: string, work: (signal: AbortSignal) => Promise<T>): Bounded<T> {
      const { promise: done, resolve, reject } = Promise.withResolvers<T>()
      const controller = new AbortController()
      const abort = (reason: unknown) => {
        alarms.set(run, null)
        reject(reason)
        controller.abort(reason)
      }
      const run = { expire: () => abort(new AppError('timed-out', `${what} (${bound} ms)`)) }
      alarms.set(run, clock.now() + bound)
      const over = () => alarms.set(run, null)
      work(controller.signal).then(
        (result) => {
          over()
          resolve(result)
        },
        (thrown: unknown) => {
          over()
          reject(thrown)
        },
      )
      return { done, abort }
    },
    stop: () => alarms.stop(),
  }
}

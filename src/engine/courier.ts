/**
 * Runs the delivering half for one target, one round at a time. Rounds asked for while one runs
 * become the next one, so that a slow target neither piles up work nor delays another target.
 */
import type { Context } from './context.ts'
import { deliver, type Counts, type DeliverOptions, type Round } from './deliver.ts'
import type { Planner } from './plan.ts'
import type { Target } from './target.ts'

export type Errand = Omit<DeliverOptions, 'first'>

export interface Courier<I> {
  /** Another object for the same target: the rounds that begin from now on use it. null: it left, none begins. */
  use(target: Target<I> | null): void
  /** No round of this process has been through yet, or none with the object that is used now: it may be another target. */
  isNew(): boolean
  /** A round of it runs. */
  isBusy(): boolean
  /** What its rounds did since the start. */
  total(): Counts
  /** Resolves with the report of a round that began after this call. */
  run(errand: Errand): Promise<Round>
  /** Resolves when nothing runs. */
  idle(): Promise<void>
}

/** `ended` is called after each round. */
export function createCourier<I>(
  context: Context<I>,
  named: Target<I>,
  planner: Planner,
  ended: () => void,
): Courier<I> {
  let target: Target<I> | null = named
  let running: Promise<unknown> = Promise.resolve()
  let next: { errand: Errand; report: Promise<Round> } | null = null
  let first = true
  let replaced = false
  let busy = false
  const counts = { applied: 0, adopted: 0, drifted: 0, pages: 0 }

  async function round(after: Promise<unknown>): Promise<Round> {
    await after.catch(() => {})
    const { errand } = next!
    next = null
    if (target === null) return { target: named.name, state: 'ok', detail: null }
    busy = true
    replaced = false
    try {
      const report = await deliver(context, target, planner, { ...errand, first }, counts)
      if (report.state === 'ok') first = false
      return report
    } finally {
      busy = false
      ended()
    }
  }

  return {
    use(other) {
      replaced ||= other !== null && other !== target
      target = other
    },
    isNew: () => first || replaced,
    isBusy: () => busy,
    total: () => ({ ...counts }),
    run(errand) {
      if (next) {
        const { look, idle, finish, allowance } = next.errand
        next.errand = {
          look: look || errand.look,
          idle: idle && errand.idle,
          finish: finish || errand.finish,
          // What a person allowed is not lost on a round that nobody allowed anything.
          allowance: errand.allowance.left > 0 ? errand.allowance : allowance,
        }
        return next.report
      }
      const report = round(running)
      next = { errand, report }
      running = report
      return report
    },
    async idle() {
      let last: Promise<unknown>
      do {
        last = running
        await last.catch(() => {})
      } while (last !== running)
    },
  }
}

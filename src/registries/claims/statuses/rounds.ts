/**
 * Work on what is held where other processes write to the same ledger: in rounds, each of all that waits. A round
 * reads what others wrote, judges, and writes only over what it has read; who lost against another process has
 * another round.
 */
import { AppError } from '../../../kernel/errors.ts'
import type { Held } from './held.ts'
import type { LedgerCopy, Written } from './ledger.ts'

export type Work<T> = (changes: Written[]) => T

interface Waiter {
  readonly work: Work<unknown>
  readonly resolve: (value: never) => void
  readonly reject: (thrown: unknown) => void
  tries: number
}

const mostTries = 10

export function createRounds(copy: LedgerCopy): <T>(work: Work<T>) => Promise<T> {
  let waiting: Waiter[] = []
  let running = false

  async function round(taken: readonly Waiter[]): Promise<void> {
    await copy.follow()
    if (copy.isDoubtful()) await copy.readDoubtful()
    const changes: Written[] = []
    const done = taken.map((waiter) => {
      const from = changes.length
      const value = waiter.work(changes)
      return { waiter, value, changed: changes.slice(from) }
    })
    const lost: ReadonlySet<Held> = changes.length === 0 ? new Set() : await copy.writeOver(changes)
    for (const { waiter, value, changed } of done) {
      if (!changed.some(({ held }) => lost.has(held))) waiter.resolve(value as never)
      else if ((waiter.tries += 1) < mostTries) waiting.push(waiter)
      else waiter.reject(new AppError('target.conflict', 'others keep changing the same claims; send it again'))
    }
  }

  async function run(): Promise<void> {
    running = true
    while (waiting.length > 0) {
      const taken = waiting
      waiting = []
      try {
        await round(taken)
      } catch (thrown) {
        for (const waiter of taken) waiter.reject(thrown)
      }
    }
    running = false
  }

  return (work) =>
    new Promise((resolve, reject) => {
      waiting.push({ work, resolve, reject, tries: 0 })
      if (!running) void run()
    })
}

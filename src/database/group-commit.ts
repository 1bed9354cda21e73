/**
 * Group commit: what gathers while one transaction is written goes into the next. No fixed window:
 * a lone commit does not wait, a crowd shares one fsync.
 */
import { AppError, asAppError } from '../kernel/errors.ts'
import type { Commit, Reply } from './apply-facts.ts'

/**
 * Facts and quiet rows after which a group is closed: bounds how long a small commit waits behind
 * others. A larger single commit goes alone.
 */
const groupRows = 2000

/** Where the group that begins with the first of these ends. `rowsOf` tells how many rows one writes. */
export function groupEnd<T>(waiting: readonly T[], rowsOf: (one: T) => number): number {
  let rows = 0
  const end = waiting.findIndex((one, at) => {
    rows += rowsOf(one)
    return at > 0 && rows > groupRows
  })
  return end === -1 ? waiting.length : end
}

export function rowsOf({ facts, quiet }: Commit): number {
  return facts.length + quiet.length
}

export interface GroupCommit {
  commit(commit: Commit): Promise<Reply>
  /** What was taken is still written; what comes later is refused. */
  close(): Promise<void>
}

interface Waiter {
  readonly commit: Commit
  readonly resolve: (reply: Reply) => void
  readonly reject: (error: AppError) => void
}

export function groupCommit(write: (group: readonly Commit[]) => Promise<readonly Reply[]>): GroupCommit {
  let waiting: Waiter[] = []
  let writing: Promise<void> | null = null
  let closed = false

  const take = (): Waiter[] => {
    const taken = waiting.slice(
      0,
      groupEnd(waiting, (waiter) => rowsOf(waiter.commit)),
    )
    waiting = waiting.slice(taken.length)
    return taken
  }

  const settleGroup = async (group: readonly Waiter[]): Promise<void> => {
    try {
      const replies = await write(group.map((waiter) => waiter.commit))
      for (const [at, waiter] of group.entries()) waiter.resolve(replies[at]!)
    } catch (thrown) {
      const error = asAppError(thrown)
      // Something in this group cannot be written at all: find out which, the others did nothing wrong.
      if (error.class === 'bug' && group.length > 1) for (const waiter of group) await settleGroup([waiter])
      else for (const waiter of group) waiter.reject(error)
    }
  }

  const run = async (): Promise<void> => {
    while (waiting.length > 0) await settleGroup(take())
    writing = null
  }

  return {
    commit(commit) {
      if (closed) return Promise.reject(new AppError('journal.closed', 'no more changes are taken'))
      return new Promise((resolve, reject) => {
        waiting.push({ commit, resolve, reject })
        // Started in a microtask, so that commits of one turn share the first transaction.
        writing ??= Promise.resolve().then(run)
      })
    },
    async close() {
      closed = true
      await writing
    },
  }
}

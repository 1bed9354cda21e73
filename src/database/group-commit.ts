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

/**
 * Waiters that are answered in one turn. Between turns the event loop reads what others have sent
 * meanwhile, so that the next transaction begins while this one is still being answered: without it
 * 128 callers, the loop and the writer wait for each other in turn.
 */
const answeredAtOnce = 32

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
  let answering: Promise<void> = Promise.resolve()
  let closed = false

  const take = (): Waiter[] => {
    let rows = 0
    const end = waiting.findIndex(({ commit }, at) => {
      rows += commit.facts.length + commit.quiet.length
      return at > 0 && rows > groupRows
    })
    const taken = end === -1 ? waiting : waiting.slice(0, end)
    waiting = end === -1 ? [] : waiting.slice(end)
    return taken
  }

  const settleGroup = async (group: readonly Waiter[]): Promise<void> => {
    try {
      const replies = await write(group.map((waiter) => waiter.commit))
      const before = answering
      answering = before.then(() => answer(group, replies))
    } catch (thrown) {
      const error = asAppError(thrown)
      // Something in this group cannot be written at all: find out which, the others did nothing wrong.
      if (error.class === 'bug' && group.length > 1) for (const waiter of group) await settleGroup([waiter])
      else for (const waiter of group) waiter.reject(error)
    }
  }

  /** In the order in which they came, a few at a time. */
  const answer = async (group: readonly Waiter[], replies: readonly Reply[]): Promise<void> => {
    for (let at = 0; at < group.length; at += 1) {
      group[at]!.resolve(replies[at]!)
      if ((at + 1) % answeredAtOnce === 0) await new Promise<void>((resolve) => setImmediate(resolve))
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
      await answering
    },
  }
}

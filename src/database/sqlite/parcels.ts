/**
 * Commits on their way to the writer's thread: what one turn of the loop gathers travels as one parcel,
 * and the writer puts all parcels that wait for it into one transaction. So neither thread waits for the
 * other to wake: the loop reads requests while the disk works, and the writer finds its next group ready.
 * The same file serves both ends.
 */
import { AppError, asAppError } from '../../kernel/errors.ts'
import type { Commit, Reply } from '../apply-facts.ts'
import { groupEnd, rowsOf, type GroupCommit } from '../group-commit.ts'
import { pack, unpack, type Packed } from './packing.ts'
import { receivedError, sentError, type SentError } from './link.ts'

/** A busy turn posts this many commits without waiting for its end, so that the writer can begin. */
const parcelSize = 64

/** How one commit of a parcel ended, when its parcel could be written. */
export type Outcome = Reply | { readonly error: SentError }

interface Waiter {
  readonly commit: Commit
  readonly resolve: (reply: Reply) => void
  readonly reject: (error: AppError) => void
}

/** In the thread that commits. `send` is called in the order of commits and may be called again before it is done. */
export function createParcels(send: (parcel: Packed) => Promise<readonly Outcome[]>): GroupCommit {
  const underWay = new Set<Promise<void>>()
  let waiting: Waiter[] = []
  let scheduled = false
  let closed = false

  const deliver = async (parcel: readonly Waiter[]): Promise<void> => {
    try {
      const outcomes = await send(pack(parcel.map((waiter) => waiter.commit)))
      for (const [at, waiter] of parcel.entries()) settle(waiter, outcomes[at]!)
    } catch (thrown) {
      const error = asAppError(thrown)
      for (const waiter of parcel) waiter.reject(error)
    }
  }
  const post = (): void => {
    while (waiting.length > 0) {
      const parcel = waiting.slice(
        0,
        groupEnd(waiting, (waiter) => rowsOf(waiter.commit)),
      )
      waiting = waiting.slice(parcel.length)
      const delivery = deliver(parcel).then(() => void underWay.delete(delivery))
      underWay.add(delivery)
    }
  }
  return {
    commit(commit) {
      if (closed) return Promise.reject(new AppError('journal.closed', 'no more changes are taken'))
      return new Promise((resolve, reject) => {
        waiting.push({ commit, resolve, reject })
        if (waiting.length === parcelSize) post()
        if (scheduled) return
        scheduled = true
        setImmediate(() => {
          scheduled = false
          post()
        })
      })
    },
    async close() {
      closed = true
      post()
      await Promise.all(underWay)
    },
  }
}

function settle(waiter: Waiter, outcome: Outcome): void {
  if (typeof outcome === 'object' && 'error' in outcome) waiter.reject(receivedError(outcome.error))
  else waiter.resolve(outcome)
}

type Write = (group: readonly Commit[]) => readonly Reply[]

/**
 * In the writer's thread: writes as many of the waiting parcels, from the first on, as make one group.
 * Throws when nothing can be written at all.
 */
export function writeParcels(waiting: readonly Packed[], write: Write): readonly (readonly Outcome[])[] {
  const end = groupEnd(waiting, (parcel) => parcel.rows)
  const parcels = waiting.slice(0, end).map(unpack)
  const outcomes = writeGroup(parcels.flat(), write)
  let from = 0
  return parcels.map(({ length }) => outcomes.slice(from, (from += length)))
}

function writeGroup(group: readonly Commit[], write: Write): readonly Outcome[] {
  try {
    return write(group)
  } catch (thrown) {
    const error = asAppError(thrown)
    if (error.class !== 'bug') throw error
    return group.length === 1 ? [{ error: sentError(error) }] : group.map((one) => writeAlone(one, write))
  }
}

/** Something in the group cannot be written at all: finds out which, the others did nothing wrong. */
function writeAlone(one: Commit, write: Write): Outcome {
  try {
    return write([one])[0]!
  } catch (thrown) {
    return { error: sentError(asAppError(thrown)) }
  }
}

/**
 * Events as they happen, for any number of followers: those at the head share one reading of the journal, and whoever
 * comes from before reads alone until there. What a slow follower has not taken waits in the journal, not here.
 */
import type { Clock, Ms } from '../kernel/clock.ts'
import type { Event, EventQuery, Journal, Seq } from './journal.ts'

export interface Following {
  /** Events behind this position. */
  readonly from: Seq
  readonly query?: Pick<EventQuery, 'sync' | 'target' | 'key' | 'type'>
  /** Of those, the ones that are told. */
  readonly sees?: (event: Event) => boolean
  readonly signal: AbortSignal
}

export interface Told {
  /** None: nothing came for a while. */
  readonly events: readonly Event[]
  /** Everything up to here was considered. */
  readonly position: Seq
}

export interface EventFeed {
  /** Ends with the signal only; rejects when the journal cannot be read. */
  follow(following: Following): AsyncGenerator<Told, void>
}

/** Events taken in one step. */
const chunk = 200
/** Events kept of the head; who is further behind reads alone. */
const kept = 2_000
/** Events read of the head at once. */
const atOnce = 500
/** Something is told at least so often. Proxies cut connections that say nothing for 30 to 60 s. */
const quiet: Ms = 15_000
/** Shortest time between two readings, however fast the journal moves. */
const pace: Ms = 100

interface FeedParts {
  readonly journal: Journal
  readonly clock: Clock
}

export function createEventFeed(parts: FeedParts): EventFeed {
  const { journal, clock } = parts
  const heads = createHeads(parts)

  return {
    async *follow({ from, query = {}, sees = () => true, signal }) {
      let [position, told] = [from, clock.monotonic()]
      let head: Head | null = null
      try {
        for (;;) {
          if (head === null || position < head.from) {
            const read = await readOn(journal, query, position)
            position = read.position
            const events = read.events.filter(sees)
            if (events.length > 0) yield { events, position }
            if (read.ended) head ??= heads.join(position)
          } else {
            const moved = head.moved
            const upTo = head.upTo(position)
            const events = head.between(position, upTo).filter((event) => matches(query, event) && sees(event))
            const still = upTo === position
            if (still && head.failure !== null) throw head.failure.thrown
            if (still) await clock.sleep(quiet - (clock.monotonic() - told), AbortSignal.any([moved, signal]))
            if (signal.aborted) return
            position = upTo
            const due = (still && !moved.aborted) || clock.monotonic() - told >= quiet
            if (events.length > 0 || due) {
              yield { events, position }
              told = clock.monotonic()
            }
          }
          if (signal.aborted) return
        }
      } finally {
        if (head !== null) heads.leave(head)
      }
    },
  }
}

async function readOn(journal: Journal, query: EventQuery, from: Seq) {
  const head = await journal.head()
  const events = await journal.events({ ...query, after: from, limit: chunk })
  const ended = events.length < chunk
  // What the filter leaves out is not read again: everything up to the head of before was considered.
  const position = Math.max(from, events.at(-1)?.seq ?? 0, ended ? head.seq : 0)
  return { events, position, ended }
}

function matches({ sync, target, key, type }: EventQuery, event: Event): boolean {
  if (sync !== undefined && event.sync !== sync) return false
  if (target !== undefined && event.target !== target) return false
  if (key !== undefined && event.key !== key) return false
  return type === undefined || event.type === type || (type.endsWith('.') && event.type.startsWith(type))
}

/** The newest events: all of (from, to], which has no holes. */
interface Head {
  readonly from: Seq
  /** Aborts when it goes on, or fails. */
  readonly moved: AbortSignal
  readonly failure: { readonly thrown: unknown } | null
  /** How far one step from `position` leads. */
  upTo(position: Seq): Seq
  between(position: Seq, upTo: Seq): readonly Event[]
  stop(): void
}

/** One head for as long as anybody follows it. */
function createHeads(parts: FeedParts) {
  let current: Head | null = null
  let followers = 0
  return {
    join(at: Seq): Head {
      if (current === null || current.failure !== null) {
        current = readHead(parts, at)
        followers = 0
      }
      followers += 1
      return current
    },
    leave(head: Head): void {
      if (head !== current) return
      followers -= 1
      if (followers > 0) return
      head.stop()
      current = null
    },
  }
}

function readHead({ journal, clock }: FeedParts, at: Seq): Head {
  const stopped = new AbortController()
  let [from, to] = [at, at]
  let events: Event[] = []
  let failure: Head['failure'] = null
  let moved = new AbortController()
  let woken = new AbortController()
  const tell = () => {
    const before = moved
    moved = new AbortController()
    before.abort()
  }
  const read = async () => {
    const unsubscribe = journal.subscribe(() => woken.abort())
    try {
      while (!stopped.signal.aborted) {
        // Before reading: a commit that comes meanwhile is read in the next round.
        woken = new AbortController()
        const began = clock.monotonic()
        const found = await journal.events({ after: to, limit: atOnce })
        if (found.length > 0) {
          // Positions have no holes, but retention may have dropped what came before.
          const follows = found[0]!.seq === to + 1
          events = follows ? [...events, ...found].slice(-kept) : found
          to = found.at(-1)!.seq
          from = to - events.length
          tell()
        }
        const full = found.length === atOnce
        if (!full) await clock.sleep(quiet, AbortSignal.any([woken.signal, stopped.signal]))
        await clock.sleep((full ? pace / 4 : pace) - (clock.monotonic() - began), stopped.signal)
      }
    } finally {
      unsubscribe()
    }
  }
  void read().catch((thrown: unknown) => {
    failure = { thrown }
    tell()
  })
  return {
    get from() {
      return from
    },
    get moved() {
      return moved.signal
    },
    get failure() {
      return failure
    },
    upTo: (position) => Math.max(position, Math.min(position + chunk, to)),
    between: (position, upTo) => (upTo > position ? events.slice(position - from, upTo - from) : []),
    stop: () => stopped.abort(),
  }
}

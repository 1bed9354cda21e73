/**
 * One run of the program, and the ways it can end. A killed process neither continues nor cleans up:
 * everything it waits for never comes, and nothing it still tries has an effect.
 */
import type { Clock } from '../../kernel/clock.ts'
import type { CommitOptions, Fact, Journal } from '../journal.ts'
import type { FakeClock, Outside } from './fake-clock.ts'

/** Durable steps of a pass (DESIGN §3); `row` is any other commit, `read` a select or a look. */
export type Step = 'entries' | 'sending' | 'effect' | 'outcome' | 'cursor' | 'row' | 'read'

/** The process dies before or after its nth step of these kinds (counted from 1). */
export interface Kill {
  readonly nth: number
  readonly side: 'before' | 'after'
  /** What is counted: durable steps alone, or everything that waits. */
  readonly of: 'durable' | 'any'
}

/** The way to everything outside the process. */
export interface Reach {
  /** Something that the outside can see; synchronous, so that it happened or did not. */
  effect<T>(act: () => T): Promise<T>
  read<T>(act: () => T): Promise<T>
  readonly dead: boolean
}

export interface Process {
  readonly reach: Reach
  readonly clock: Clock
  readonly journal: Journal
  /** Resolves when it dies. */
  readonly died: Promise<void>
  kill(): void
}

/** Every step of every process of a run in order, for the next run to choose where to kill. */
export interface Tape {
  readonly steps: Step[]
}

/** A new one each time: everything that waits for a shared one would be kept for good. */
const never = () => new Promise<never>(() => {})
const writes = (step: Step): boolean => step !== 'read'

export function createProcess(parts: { clock: FakeClock; journal: Journal; tape?: Tape; kill?: Kill }): Process {
  const clock = parts.clock.fork()
  const { kill: plan, tape = { steps: [] } } = parts
  let dead = false
  let tellDied = () => {}
  const died = new Promise<void>((resolve) => {
    tellDied = resolve
  })
  const kill = () => {
    dead = true
    clock.stop()
    tellDied()
  }

  /** Runs one step unless the process died; dies where the plan says. */
  const through = async <T>(step: Step, act: () => T | Promise<T>): Promise<T> => {
    if (dead) return never()
    tape.steps.push(step)
    const hit = plan !== undefined && isThere(plan, tape, step)
    if (hit && plan.side === 'before') {
      kill()
      return never()
    }
    try {
      return await act()
    } finally {
      if (hit) kill()
      // A process that died while it waited never learns what came of it.
      if (dead) await never()
    }
  }

  const reach: Reach = {
    effect: (act) => through('effect', act),
    read: (act) => through('read', act),
    get dead() {
      return dead
    },
  }
  return {
    reach,
    clock,
    died,
    kill,
    journal: {
      ...parts.journal,
      commit: (facts: readonly Fact[], options: CommitOptions = {}) =>
        through(stepOf(facts, options), () => parts.journal.commit(facts, options)),
      select: (table, query) => through('read', () => parts.journal.select(table, query)),
      get: (table, key) => through('read', () => parts.journal.get(table, key)),
      count: (table, where, by) => through('read', () => parts.journal.count(table, where, by)),
      events: (query) => through('read', () => parts.journal.events(query)),
      head: () => through('read', () => parts.journal.head()),
      lease: (sync, holder, length) => through('row', () => parts.journal.lease(sync, holder, length)),
      unlease: (fence) => through('row', () => parts.journal.unlease(fence)),
      subscribe: (listener) => parts.journal.subscribe(() => dead || listener()),
      // The store outlives the process.
      close: () => Promise.resolve(),
    },
  }
}

/** Whether the step that was just taped is the one to die at. */
function isThere(plan: Kill, { steps }: Tape, step: Step): boolean {
  if (plan.of === 'any') return steps.length === plan.nth
  return writes(step) && steps.filter(writes).length === plan.nth
}

/** Which durable step a commit is, by the rows it writes. */
function stepOf(facts: readonly Fact[], options: CommitOptions): Step {
  const rows = [...facts, ...(options.quiet ?? [])]
  const states = new Set(
    rows.map((one) => ('put' in one && 'state' in one.put ? `${one.table}.${String(one.put.state)}` : one.table)),
  )
  if (states.has('delivery.sending')) return 'sending'
  const tables = new Set(rows.map(({ table }) => table))
  if (tables.has('entry')) return 'entries'
  if (tables.has('delivery')) return 'outcome'
  if (tables.has('target')) return 'cursor'
  return 'row'
}

/** Counts what is under way at a journal that works outside this event loop. */
export function watched(journal: Journal): { journal: Journal; outside: Outside } {
  const underWay = new Set<Promise<unknown>>()
  const track = <T>(promise: Promise<T>): Promise<T> => {
    underWay.add(promise)
    const done = () => void underWay.delete(promise)
    promise.then(done, done)
    return promise
  }
  return {
    outside: {
      get busy() {
        return underWay.size > 0
      },
      async idle() {
        while (underWay.size > 0) await Promise.allSettled(underWay)
      },
    },
    journal: {
      ...journal,
      commit: (facts, options) => track(journal.commit(facts, options)),
      select: (table, query) => track(journal.select(table, query)),
      get: (table, key) => track(journal.get(table, key)),
      count: (table, where, by) => track(journal.count(table, where, by)),
      events: (query) => track(journal.events(query)),
      head: () => track(journal.head()),
      lease: (sync, holder, length) => track(journal.lease(sync, holder, length)),
      unlease: (fence) => track(journal.unlease(fence)),
    },
  }
}

/** Waits until the targets have what was sent, for callers who asked for that. */
import type { Journal } from '../../engine/journal.ts'
import { deliveries, type DeliveryRow } from '../../engine/tables.ts'
import type { Clock, Ms } from '../../kernel/clock.ts'
import type { Digest } from '../../kernel/digest.ts'
import { filesOf } from './submissions.ts'

/** `shadowed`: a file holds the same id, and wins. `pending`: not yet, or its target does not answer. */
export const deliveryStates = ['applied', 'pending', 'waiting', 'held', 'rejected', 'failed', 'shadowed'] as const
export type DeliveryState = (typeof deliveryStates)[number]

export interface Expected {
  readonly id: string
  /** What every target is to hold; null: nothing. */
  readonly digest: Digest | null
}

export interface Awaited {
  readonly sync: string
  readonly targets: readonly string[]
  readonly expected: readonly Expected[]
}

export interface Delivered {
  /** Everything is applied, or shadowed. */
  readonly all: boolean
  /** By id: target → state. */
  readonly states: ReadonlyMap<string, Readonly<Record<string, DeliveryState>>>
}

const bound: Ms = 10_000
/** Least time between two readings: the ledger moves with every page that is delivered. */
const rest: Ms = 20

export async function awaitDelivery(
  { journal, clock }: { readonly journal: Journal; readonly clock: Clock },
  awaited: Awaited,
  signal: AbortSignal,
): Promise<Delivered> {
  const until = clock.monotonic() + bound
  let woken = new AbortController()
  const unsubscribe = journal.subscribe(() => woken.abort())
  try {
    for (;;) {
      woken = new AbortController()
      const found = await read(journal, awaited)
      const left = until - clock.monotonic()
      const settled = [...found.states.values()].every((states) => Object.values(states).every(isSettled))
      if (settled || left <= 0 || signal.aborted) return found
      await clock.sleep(Math.min(left, rest), signal)
      await clock.sleep(Math.max(0, left - rest), AbortSignal.any([woken.signal, signal]))
    }
  } finally {
    unsubscribe()
  }
}

/** Nothing moves it on but a person, or another manifest. */
const isSettled = (state: DeliveryState): boolean => ['applied', 'shadowed', 'held', 'rejected'].includes(state)

async function read(journal: Journal, { sync, targets, expected }: Awaited): Promise<Delivered> {
  const ids = expected.map(({ id }) => id)
  if (ids.length === 0) return { all: true, states: new Map() }
  const [rows, files] = await Promise.all([
    journal.select(deliveries, { where: { sync, key: { in: ids } } }),
    filesOf(journal, sync, ids),
  ])
  const byKey = new Map(rows.map((row) => [`${row.target}\0${row.key}`, row]))
  const stateOf = (one: Expected, target: string): DeliveryState =>
    files.has(one.id) ? 'shadowed' : stateAt(one, byKey.get(`${target}\0${one.id}`) ?? null)
  const states = new Map(
    expected.map((one) => [one.id, Object.fromEntries(targets.map((target) => [target, stateOf(one, target)]))]),
  )
  const all = [...states.values()].every((one) =>
    Object.values(one).every((state) => state === 'applied' || state === 'shadowed'),
  )
  return { all, states }
}

function stateAt({ digest }: Expected, row: DeliveryRow | null): DeliveryState {
  if (row === null) return digest === null ? 'applied' : 'pending'
  // What the ledger knows of the target is about an earlier wish.
  if (row.want !== digest) return 'pending'
  switch (row.state) {
    case 'applied':
      return row.digest === digest ? 'applied' : 'pending'
    case 'held':
    case 'rejected':
    case 'waiting':
    case 'failed':
      return row.state
    case 'unsure':
      return 'failed'
    case 'pending':
    case 'sending':
      return 'pending'
  }
}

/**
 * The life of one key at one target, as a table: states × events. Pure. README.md shows it, the test
 * holds a second copy of it, typed so that a missing cell does not compile.
 */
import type { DeliveryState } from './tables.ts'

/** `none`: there is no row; nothing is delivered and nothing is under way. */
export type State = DeliveryState | 'none'

/**
 * held        a gate holds the change
 * released    the hold was released, or its time came
 * sent        recorded before the effect (only where repeating it could be seen)
 * applied     the target acknowledged the change
 * removed     the target acknowledged a delete
 * waiting     the target accepted it, it is not true yet
 * rejected    the target will not take it until something changes
 * failed      it failed and surely had no effect
 * lost        it failed or the process died, and it may have had an effect
 * adopted     a look showed that the target holds what is wanted
 * drifted     a look showed that the target no longer holds what it acknowledged
 * missed      a look showed that what was sent or believed is not there
 * vanished    a look showed that a key which should be removed is not there
 * unwanted    the pending change is no longer wanted, and nothing was ever delivered
 * settled     the pending change is no longer wanted: what was delivered before is wanted again
 */
export type LifecycleEvent =
  | 'held'
  | 'released'
  | 'sent'
  | 'applied'
  | 'removed'
  | 'waiting'
  | 'rejected'
  | 'failed'
  | 'lost'
  | 'adopted'
  | 'drifted'
  | 'missed'
  | 'vanished'
  | 'unwanted'
  | 'settled'

/** null: the loop never does this; trying is a bug. */
export type Next = State | null

type Row = { readonly [E in LifecycleEvent]: Next }

/** What any change that is not under way may turn into. */
const open = {
  held: 'held',
  released: null,
  sent: 'sending',
  applied: 'applied',
  removed: 'none',
  waiting: 'waiting',
  rejected: 'rejected',
  failed: 'failed',
  lost: 'unsure',
  adopted: 'applied',
  drifted: null,
  missed: null,
  vanished: 'none',
  unwanted: 'none',
  settled: 'applied',
} as const

export const lifecycle: { readonly [S in State]: Row } = {
  none: { ...open, removed: null, vanished: null, unwanted: null, settled: null },
  pending: open,
  held: { ...open, released: 'pending' },
  rejected: open,
  failed: open,
  // A look that does not find it yet changes nothing: the target said that it takes time.
  waiting: { ...open, unwanted: null, settled: null },
  applied: { ...open, drifted: 'pending', missed: 'pending', unwanted: null, settled: null },
  sending: { ...open, held: null, sent: null, missed: 'pending', unwanted: null, settled: null },
  unsure: { ...open, missed: 'pending', unwanted: null, settled: null },
}

/** The state after the event. Throws when the table has no such cell: that is a defect of the loop. */
export function step(state: State, event: LifecycleEvent): State {
  const next = lifecycle[state][event]
  if (next === null) throw new Error(`delivery cannot be ${event} while ${state}`)
  return next
}

/**
 * What to do about one key at one target: desired against delivered, and against what a look at the
 * target found, when there was one. Pure; plan.ts feeds it, deliver.ts carries it out.
 */
import type { Instant } from '../kernel/clock.ts'
import type { Digest } from '../kernel/digest.ts'
import type { Stored } from './journal.ts'
import type { LifecycleEvent } from './lifecycle.ts'
import type { Reason } from './reason.ts'
import type { DeliveryRow } from './tables.ts'
import type { Held } from './target.ts'

export type Desired =
  | { readonly is: 'put'; readonly digest: Digest; readonly label: string }
  /** No scope holds it live. `known`: the ledger saw it once, so that its absence was judged. */
  | { readonly is: 'none'; readonly known: boolean }
  /** Unclear (a stray): nothing is done either way. */
  | { readonly is: 'keep' }

export interface KeyView {
  readonly desired: Desired
  readonly delivery: Stored<DeliveryRow> | null
  /** undefined: the target was not looked at. null: looked at, and it is not there. */
  readonly held: Held | null | undefined
}

export interface TargetView {
  readonly now: Instant
  /** Deliveries of an older epoch were made to something that is no longer there. */
  readonly epoch: number
  /** The identity or fingerprint is new: what was rejected `until target` is tried again. */
  readonly renewed: boolean
  /** Ask the gates again about what is held: they may have been configured away. */
  readonly regate: boolean
  readonly firstSight: 'overwrite' | 'hold' | 'keep'
  readonly drift: 'repair' | 'report' | 'keep'
  readonly repeat: 'safe' | 'keyed' | 'unsafe'
  /** What a look shows says nothing about a change that may have been cut off. */
  readonly torn?: boolean
}

/** Something the ledger learns without touching the target. */
export interface Note {
  readonly event: LifecycleEvent
  readonly reason: Reason | null
}

export type Decision =
  | { readonly do: 'nothing' }
  /** The target owns a key of ours that no source ever told us of. */
  | { readonly do: 'stray' }
  | { readonly do: 'note'; readonly note: Note }
  | {
      readonly do: 'send'
      readonly op: 'put' | 'delete'
      readonly want: Digest | null
      /** Recorded first: the reason why it is sent again. */
      readonly note: Note | null
      /** Held by this even before the gates are asked. */
      readonly hold: Reason | null
      /** Continue what is `waiting` rather than start again. */
      readonly resume: boolean
      /** Something newer is wanted by now, and held: to be planned once this has come to its end. */
      readonly outdated?: true
    }

const nothing: Decision = { do: 'nothing' }

export function decide(seen: KeyView, target: TargetView): Decision {
  const { desired } = seen
  if (desired.is === 'keep') return nothing
  const view = tellsLess(seen, target) ? { ...seen, held: undefined } : seen
  return desired.is === 'put' ? decidePut(desired, view, target) : decideNone(desired.known, view, target)
}

function decidePut(desired: { digest: Digest; label: string }, view: KeyView, target: TargetView): Decision {
  const { delivery } = view
  // A look that leaves open which of two contents is there is none.
  const held = tellsNothing(view.held, desired, delivery) ? undefined : view.held
  const want = desired.digest
  const current = delivery !== null && delivery.epoch === target.epoch
  if (held != null && (held.digest === null ? held.label === desired.label : held.digest === want)) {
    if (current && delivery.state === 'applied' && delivery.digest === want) return nothing
    return { do: 'note', note: { event: 'adopted', reason: 'adopted' } }
  }
  if (delivery === null) return foreign(held, null) ? firstSight(want, target) : send('put', want)
  if (delivery.state === 'applied') {
    if (current && delivery.digest !== want) return send('put', want)
    if (current && held === undefined) {
      // Due, because something newer was wanted when it came; by now that is what it was again.
      return delivery.due === null ? nothing : { do: 'note', note: { event: 'adopted', reason: null } }
    }
    if (current) return drifted(want, target)
    // Another identity: what it held before says nothing about this one.
    if (foreign(held, delivery)) return firstSight(want, target)
    return send('put', want, { event: 'missed', reason: 'identity-changed' })
  }
  const decision = underWay('put', want, delivery, held, target)
  return decision.do === 'send' && theirs(delivery, view.held, target) ? firstSight(want, target) : decision
}

function decideNone(known: boolean, view: KeyView, target: TargetView): Decision {
  const { delivery, held } = view
  if (held === null) {
    if (delivery === null) return nothing
    // What the target accepted and has not made true yet would come true later, unless it is taken back.
    if (delivery.state === 'waiting' && delivery.op === 'put') return underWay('delete', null, delivery, held, target)
    return { do: 'note', note: { event: 'vanished', reason: 'gone' } }
  }
  if (delivery === null) {
    if (held === undefined || held.owned !== true) return nothing
    // Entered in the ledger first, so that its removal is told like any other.
    return known ? send('delete', null, { event: 'adopted', reason: 'adopted' }) : { do: 'stray' }
  }
  // A look that shows somebody else's value under a key we never delivered is no reason to delete it.
  const doubted = held === undefined && delivery.doubt !== null
  const nothingOfOurs = delivery.digest === null && !mayHaveArrived(delivery) && !doubted
  if (nothingOfOurs) {
    if (held?.owned === true) return known ? send('delete', null) : { do: 'stray' }
    return { do: 'note', note: { event: 'unwanted', reason: null } }
  }
  // Delivered to an earlier identity that cannot be asked: nothing there to delete.
  if (held === undefined && delivery.epoch !== target.epoch && !mayBeTorn(delivery, target)) {
    return { do: 'note', note: { event: 'vanished', reason: 'identity-changed' } }
  }
  if (delivery.state === 'applied') return send('delete', null)
  // The look shows something else than what may have arrived.
  if (held !== undefined && delivery.digest === null && delivery.state !== 'waiting' && !isOurs(held, delivery)) {
    return { do: 'note', note: { event: 'vanished', reason: 'gone' } }
  }
  return underWay('delete', null, delivery, held, target)
}

/** Of our making: the inventory says so, or it is what was sent. */
function isOurs(held: Held, delivery: DeliveryRow): boolean {
  if (held.owned === true) return true
  return held.digest === null ? held.label === delivery.label : held.digest === delivery.want
}

/** A change that was decided before and has not come to its end. */
function underWay(
  op: 'put' | 'delete',
  want: Digest | null,
  delivery: Stored<DeliveryRow>,
  held: Held | null | undefined,
  target: TargetView,
): Decision {
  const same = delivery.op === op && delivery.want === want && delivery.epoch === target.epoch
  const due = delivery.due !== null && delivery.due <= target.now
  switch (delivery.state) {
    case 'sending':
    case 'unsure':
      return afterDoubt(op, want, delivery, held, target)
    case 'waiting':
      if (!same) return send(op, want)
      return due ? { ...send(op, want), resume: true } : nothing
    case 'rejected':
      if (same && !(delivery.until === 'target' && target.renewed) && !wayIsFree(delivery, held, target)) return nothing
      break
    case 'failed':
      if (same && !due) return nothing
      break
    case 'held':
      if (same && !due && !target.regate && !wayIsFree(delivery, held, target)) return nothing
      break
    default:
  }
  const settled = settledBack(op, want, delivery, held, target)
  return settled ?? { ...send(op, want), hold: stillHeld(want, delivery, held, target) }
}

/** The wish may have gone back to what the target holds already. */
function settledBack(
  op: 'put' | 'delete',
  want: Digest | null,
  delivery: DeliveryRow,
  held: Held | null | undefined,
  target: TargetView,
): Decision | null {
  if (delivery.doubt !== null) return null
  const back = op === 'put' && held === undefined && delivery.digest === want && delivery.epoch === target.epoch
  return back ? { do: 'note', note: { event: 'settled', reason: null } } : null
}

/** What was held back here, and not by a gate, stays so until a person agrees or the reason is gone. */
function stillHeld(
  want: Digest | null,
  delivery: DeliveryRow,
  held: Held | null | undefined,
  target: TargetView,
): Reason | null {
  if (delivery.doubt !== null && target.repeat === 'unsafe' && held === undefined) return 'outcome-unknown'
  if (delivery.reason !== 'drift-reported' || target.drift !== 'report') return null
  return delivery.want === want && delivery.epoch === target.epoch ? delivery.reason : null
}

/** Sent, and no answer: a look decides; else repeat where that cannot be seen; else a person is asked. */
function afterDoubt(
  op: 'put' | 'delete',
  want: Digest | null,
  delivery: DeliveryRow,
  held: Held | null | undefined,
  target: TargetView,
): Decision {
  if (held !== undefined) return send(op, want, { event: 'missed', reason: null })
  // A row that still says `sending` was left by a process that died.
  if (delivery.state === 'unsure' && (delivery.due ?? 0) > target.now && delivery.want === want) return nothing
  const note: Note | null = delivery.state === 'sending' ? { event: 'lost', reason: 'outcome-unknown' } : null
  return { ...send(op, want, note), hold: target.repeat === 'unsafe' ? 'outcome-unknown' : null }
}

function drifted(want: Digest, target: TargetView): Decision {
  if (target.drift === 'keep') return { do: 'note', note: { event: 'rejected', reason: 'drift-kept' } }
  const note: Note = { event: 'drifted', reason: 'drifted' }
  return { ...send('put', want, note), hold: target.drift === 'report' ? 'drift-reported' : null }
}

/** Held by the target and not by our doing, as far as its inventory and what we delivered can tell. */
function foreign(held: Held | null | undefined, delivery: DeliveryRow | null): boolean {
  if (held === null || held === undefined || held.owned === true) return false
  if (delivery === null || delivery.digest === null) return true
  return held.digest === null ? held.label !== delivery.digestLabel : held.digest !== delivery.digest
}

/** Under a key at which nothing of ours ever arrived, the target holds something of somebody else's. */
function theirs(delivery: DeliveryRow, held: Held | null | undefined, target: TargetView): boolean {
  if (mayHaveArrived(delivery)) return false
  // Without a look now, the one that found it there stands.
  if (held === undefined) return delivery.reason === 'first-sight'
  return (delivery.digest === null || delivery.epoch !== target.epoch) && foreign(held, delivery)
}

/** What stood in the way at first sight is gone, or may now be overwritten. */
function wayIsFree(delivery: DeliveryRow, held: Held | null | undefined, target: TargetView): boolean {
  return delivery.reason === 'first-sight' && (held === null || target.firstSight === 'overwrite')
}

function firstSight(want: Digest, target: TargetView): Decision {
  if (target.firstSight === 'keep') return { do: 'note', note: { event: 'rejected', reason: 'first-sight' } }
  return { ...send('put', want), hold: target.firstSight === 'hold' ? 'first-sight' : null }
}

function send(op: 'put' | 'delete', want: Digest | null, note: Note | null = null): Extract<Decision, { do: 'send' }> {
  return { do: 'send', op, want, note, hold: null, resume: false }
}

/** Only the wanted label was told, and something else that may be there goes by it, too. */
function tellsNothing(
  held: Held | null | undefined,
  desired: { digest: Digest; label: string },
  delivery: DeliveryRow | null,
): boolean {
  if (delivery === null || held == null || held.digest !== null || held.label !== desired.label) return false
  if (delivery.doubt === 'other') return true
  const other = (digest: Digest | null, label: string | null) =>
    digest !== null && digest !== desired.digest && label === desired.label
  const sent = delivery.doubt === 'want' || mayHaveArrived(delivery) || mayReturn(delivery)
  return other(delivery.digest, delivery.digestLabel) || (sent && other(delivery.want, delivery.label))
}

/** A look at a target that tears shows no doubtful key as it is, nor that nothing of a key is left. */
function tellsLess({ desired, delivery, held }: KeyView, target: TargetView): boolean {
  if (mayBeTorn(delivery, target)) return true
  return target.torn === true && desired.is === 'none' && held === null
}

/** Neither what was there before nor what was sent need be there, whatever shows. */
function mayBeTorn(delivery: DeliveryRow | null, { torn = false }: TargetView): boolean {
  if (!torn || delivery === null) return false
  return delivery.doubt !== null || delivery.state === 'sending' || delivery.state === 'unsure'
}

/** It was delivered, a look no longer found it, and nothing was sent since: a build that was owed may bring it back. */
function mayReturn({ reason }: DeliveryRow): boolean {
  return reason === 'drifted' || reason === 'drift-reported'
}

function mayHaveArrived(delivery: DeliveryRow): boolean {
  return delivery.state === 'sending' || delivery.state === 'unsure' || delivery.state === 'waiting'
}

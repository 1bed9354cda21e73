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
  readonly drift: 'repair' | 'report'
  readonly repeat: 'safe' | 'keyed' | 'unsafe'
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
    }

const nothing: Decision = { do: 'nothing' }

export function decide(view: KeyView, target: TargetView): Decision {
  const { desired } = view
  if (desired.is === 'keep') return nothing
  return desired.is === 'put' ? decidePut(desired, view, target) : decideNone(desired.known, view, target)
}

function decidePut(desired: { digest: Digest; label: string }, view: KeyView, target: TargetView): Decision {
  const { delivery, held } = view
  const want = desired.digest
  const current = delivery !== null && delivery.epoch === target.epoch
  if (held !== undefined && matches(held, desired)) {
    if (current && delivery.state === 'applied' && delivery.digest === want) return nothing
    return { do: 'note', note: { event: 'adopted', reason: 'adopted' } }
  }
  if (delivery === null) return foreign(held) ? firstSight(want, target) : send('put', want)
  if (delivery.state === 'applied') {
    if (delivery.digest !== want) return send('put', want)
    if (held !== undefined && current) return drifted(want, target)
    if (held === undefined && current) return nothing
    // Another identity: what it held before says nothing about this one.
    return foreign(held) ? firstSight(want, target) : send('put', want, { event: 'missed', reason: 'identity-changed' })
  }
  return underWay('put', want, delivery, held, target)
}

function decideNone(known: boolean, view: KeyView, target: TargetView): Decision {
  const { delivery, held } = view
  if (held === null) {
    return delivery === null ? nothing : { do: 'note', note: { event: 'vanished', reason: 'gone' } }
  }
  if (delivery === null) {
    if (held === undefined || held.owned !== true) return nothing
    return known ? send('delete', null) : { do: 'stray' }
  }
  // A look that shows somebody else's value under a key we never delivered is no reason to delete it.
  const nothingOfOurs = delivery.digest === null && !mayHaveArrived(delivery)
  if (nothingOfOurs) {
    if (held?.owned === true) return known ? send('delete', null) : { do: 'stray' }
    return { do: 'note', note: { event: 'unwanted', reason: null } }
  }
  if (delivery.state === 'applied') {
    // Delivered to an earlier identity that cannot be asked: nothing there to delete.
    if (held === undefined && delivery.epoch !== target.epoch) {
      return { do: 'note', note: { event: 'vanished', reason: 'identity-changed' } }
    }
    return send('delete', null)
  }
  return underWay('delete', null, delivery, held, target)
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
      if (same && !(delivery.until === 'target' && target.renewed)) return nothing
      return settledOr(op, want, delivery, held)
    case 'failed':
      if (same && !due) return nothing
      return settledOr(op, want, delivery, held)
    case 'held':
      if (same && !due && !target.regate) return nothing
      return settledOr(op, want, delivery, held)
    default:
      return settledOr(op, want, delivery, held)
  }
}

/** The wish may have gone back to what the target holds already. */
function settledOr(
  op: 'put' | 'delete',
  want: Digest | null,
  delivery: DeliveryRow,
  held: Held | null | undefined,
): Decision {
  const backToDelivered = op === 'put' && held === undefined && delivery.digest === want
  if (backToDelivered) return { do: 'note', note: { event: 'settled', reason: null } }
  return send(op, want)
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
  if (delivery.due !== null && delivery.due > target.now && delivery.want === want) return nothing
  // A row that still says `sending` was left by a process that died.
  const note: Note | null = delivery.state === 'sending' ? { event: 'lost', reason: 'outcome-unknown' } : null
  return { ...send(op, want, note), hold: target.repeat === 'unsafe' ? 'outcome-unknown' : null }
}

function drifted(want: Digest, target: TargetView): Decision {
  const note: Note = { event: 'drifted', reason: 'drifted' }
  return { ...send('put', want, note), hold: target.drift === 'report' ? 'drift-reported' : null }
}

/** Held by the target and not by our doing, as far as its inventory can tell. */
function foreign(held: Held | null | undefined): boolean {
  return held !== null && held !== undefined && held.owned !== true
}

function firstSight(want: Digest, target: TargetView): Decision {
  if (target.firstSight === 'keep') return { do: 'note', note: { event: 'rejected', reason: 'first-sight' } }
  return { ...send('put', want), hold: target.firstSight === 'hold' ? 'first-sight' : null }
}

function send(op: 'put' | 'delete', want: Digest | null, note: Note | null = null): Extract<Decision, { do: 'send' }> {
  return { do: 'send', op, want, note, hold: null, resume: false }
}

/** Whether the target holds what is desired; where only labels can be told, the label decides. */
function matches(held: Held | null, desired: { digest: Digest; label: string }): boolean {
  if (held === null) return false
  return held.digest === null ? held.label === desired.label : held.digest === desired.digest
}

function mayHaveArrived(delivery: DeliveryRow): boolean {
  return delivery.state === 'sending' || delivery.state === 'unsure' || delivery.state === 'waiting'
}

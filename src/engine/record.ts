/** Turns what happened to a key into the facts that say so. The only place where delivery rows are made. */
import type { Instant } from '../kernel/clock.ts'
import { digestOf, type Digest } from '../kernel/digest.ts'
import { contestAfter } from './contest.ts'
import { limitsOf, tell, type Context } from './context.ts'
import { drop, put, quietly, type Fact, type Quiet, type Stored } from './journal.ts'
import { step, type LifecycleEvent } from './lifecycle.ts'
import type { Planned } from './plan.ts'
import type { Reason } from './reason.ts'
import { stray } from './scope.ts'
import { deliveries, entries, holds, type DeliveryRow, type EntryRow, type HoldRow } from './tables.ts'
import type { Held, Outcome } from './target.ts'

export interface Record {
  readonly facts: readonly Fact[]
  readonly quiet: readonly Quiet[]
}

/** What the recorder knows of the target whose deliveries it writes. */
export interface At {
  readonly target: string
  readonly epoch: number
  holdsOf(key: string): readonly HoldRow[]
  /** When to try again what has failed so many times in a row. */
  retryAt(attempts: number): Instant
}

type Patch = Partial<Omit<DeliveryRow, 'sync' | 'target' | 'key' | 'state'>>

/** Clears whatever an earlier change left behind. */
const fresh = { reason: null, detail: null, until: null, attempts: 0, due: null, handle: null, effectId: null } as const

/** The row as it stands before this pass touches it. */
export function rowBefore(planned: Planned): DeliveryRow | null {
  if (planned.delivery === null) return null
  const { seq: _, ...row } = planned.delivery
  return row
}

function blank(context: Context, at: At, planned: Planned): DeliveryRow {
  return {
    sync: context.spec.name,
    target: at.target,
    key: planned.key,
    state: 'pending',
    op: 'put',
    digest: null,
    digestLabel: null,
    want: null,
    label: null,
    receipt: null,
    doubt: null,
    contest: null,
    epoch: at.epoch,
    ...fresh,
  }
}

/** One step of the lifecycle, as a fact. A row that did not change makes no event. */
function move(
  context: Context,
  at: At,
  planned: Planned,
  row: DeliveryRow | null,
  event: LifecycleEvent,
  patch: Patch,
): { row: DeliveryRow | null; fact: Fact } {
  const state = step(row?.state ?? 'none', event)
  const base = row ?? blank(context, at, planned)
  const reason = patch.reason ?? undefined
  const label = patch.label ?? base.label
  const data = {
    op: patch.op ?? base.op,
    label,
    digest: patch.digest ?? patch.want ?? base.want,
    ...(patch.detail != null && { detail: patch.detail }),
  }
  const about = { target: at.target, key: planned.key, ...(reason !== undefined && { reason }), data }
  const told = tell(context, `delivery.${event}`, about)
  if (state === 'none') {
    const { sync, target, key } = base
    return { row: null, fact: drop(deliveries, { sync, target, key }, told) }
  }
  const after: DeliveryRow = { ...base, epoch: at.epoch, ...patch, state }
  const next = { ...after, doubt: doubtAfter(event, base, after) }
  return { row: next, fact: put(deliveries, next, told) }
}

/** A doubt outlives the states that follow it, and the wish that it was about, until something is known for sure. */
function doubtAfter(event: LifecycleEvent, before: DeliveryRow, next: DeliveryRow): DeliveryRow['doubt'] {
  const stays = ['lost', 'held', 'released', 'sent', 'waiting', 'rejected', 'failed'].includes(event)
  if (before.doubt !== null && stays) return before.want === next.want ? before.doubt : 'other'
  return event === 'lost' ? 'want' : null
}

function endHolds(context: Context, at: At, key: string): Fact[] {
  return at.holdsOf(key).map((hold) => {
    const about = { target: at.target, key, reason: hold.reason, data: { hold: hold.id } }
    return drop(holds, { id: hold.id }, tell(context, 'hold.ended', about))
  })
}

/** What a plan learned without sending anything. */
export function recordNote(context: Context, at: At, planned: Planned): { row: DeliveryRow | null; record: Record } {
  const before = rowBefore(planned)
  const note = planned.decision.do === 'note' || planned.decision.do === 'send' ? planned.decision.note : null
  if (note === null) return { row: before, record: { facts: [], quiet: [] } }
  const found = foundOf(planned)
  const digest = planned.digest ?? found.digest
  const digestLabel = planned.entry?.label ?? planned.held?.label ?? null
  const wanted = { want: planned.digest, label: planned.entry?.label ?? before?.label ?? null, op: 'put' as const }
  const patches: { readonly [E in LifecycleEvent]?: Patch } = {
    adopted: { ...fresh, ...wanted, want: digest, digest, digestLabel, reason: note.reason },
    settled: { ...fresh, ...wanted, digest: planned.digest },
    rejected: { ...fresh, ...wanted, reason: note.reason, until: 'item' },
    drifted: {
      ...fresh,
      ...wanted,
      ...found,
      reason: note.reason,
      due: context.clock.now(),
      contest: contestAfter(before?.contest ?? null, context.clock.now()),
    },
    // What is under way at the target, and does not show yet, is gone on with.
    missed: { ...fresh, ...found, reason: note.reason, due: context.clock.now(), effectId: underWayAs(before) },
    // Whoever sent it waits no more; due by its old time, it would rest that long if we died before we repeat it.
    lost: { reason: note.reason, due: context.clock.now() },
  }
  const { row, fact } = move(context, at, planned, before, note.event, patches[note.event] ?? { reason: note.reason })
  const over = note.event === 'adopted' || note.event === 'settled' || note.event === 'rejected' || row === null
  return { row, record: { facts: over ? [fact, ...endHolds(context, at, planned.key)] : [fact], quiet: [] } }
}

/** The id of an effect that may have begun and was not told to have ended. */
function underWayAs(row: DeliveryRow | null): string | null {
  return row?.state === 'sending' || row?.state === 'unsure' ? row.effectId : null
}

/** What a look found in place of ours; null: nothing, or something that never was ours. */
function foundOf({ delivery, held }: Planned): Pick<DeliveryRow, 'digest' | 'digestLabel'> {
  if (!held || (held.owned !== true && delivery?.digest == null)) return { digest: null, digestLabel: null }
  return { digest: digestOfHeld(held), digestLabel: held.label ?? null }
}

/** Where only a label can be told, something that is no digest of an entry stands for it. */
function digestOfHeld(held: Held): Digest {
  return held.digest ?? digestOf(held.label ?? null)
}

/** The target's inventory names a key that no source ever told of: noted, so that its absence is judged like any other. */
export function recordStray(context: Context, at: At, planned: Planned): Record {
  const held = planned.held!
  const digest = digestOfHeld(held)
  const entry: EntryRow = {
    sync: context.spec.name,
    scope: stray,
    key: planned.key,
    state: 'stray',
    digest,
    label: held.label ?? '',
    item: null,
    stamp: null,
    note: null,
    origin: null,
    ordinal: null,
    missedAt: null,
    misses: 0,
  }
  const about = { target: at.target, key: planned.key, reason: 'adopted', data: { digest } }
  const { fact } = move(context, at, planned, rowBefore(planned), 'adopted', {
    ...fresh,
    digest,
    digestLabel: held.label ?? null,
    want: digest,
    label: held.label ?? null,
    reason: 'adopted',
  })
  const strayed = tell(context, 'entry.strayed', { ...about, scope: stray })
  return { facts: [put(entries, entry, strayed, 'absent'), fact], quiet: [] }
}

/**
 * A gate holds the change. Recording the same hold again changes nothing. A conflict when it is not
 * `known` any more: a person released it in between.
 */
export function recordHeld(
  context: Context,
  at: At,
  planned: Planned,
  row: DeliveryRow | null,
  { hold, known }: { readonly hold: HoldRow; readonly known: Stored<HoldRow> | null },
): Record {
  const told = { target: at.target, key: planned.key, reason: hold.reason }
  const others = endHolds(
    context,
    { ...at, holdsOf: (key) => at.holdsOf(key).filter((other) => other.id !== hold.id && other.state === 'held') },
    planned.key,
  )
  const raise = put(
    holds,
    hold,
    tell(context, 'hold.raised', { ...told, data: { hold: hold.id, op: hold.op, label: hold.label } }),
    known === null ? 'absent' : { seq: known.seq },
  )
  const { fact } = move(context, at, planned, row, 'held', {
    ...fresh,
    op: hold.op,
    want: wantOf(planned),
    label: hold.label,
    reason: hold.reason,
    due: hold.until,
    // What may have been sent already goes out again under the same id, once it is released; another wish does not.
    effectId: row !== null && row.op === hold.op && row.want === wantOf(planned) ? row.effectId : null,
  })
  return { facts: [...others, raise, fact], quiet: [] }
}

/** W2: about to be sent, to a target where repeating it could be seen, or nothing can. A retry is no news. */
export function recordSent(
  context: Context,
  at: At,
  planned: Planned,
  row: DeliveryRow | null,
  effectId: string,
): Record & { readonly row: DeliveryRow } {
  const patch: Patch = {
    ...fresh,
    attempts: row?.attempts ?? 0,
    // By then nobody waits for an answer any more.
    due: context.clock.now() + limitsOf(context.spec).apply,
    op: opOf(planned),
    want: wantOf(planned),
    effectId,
    label: labelOf(planned, row),
  }
  const moved = move(context, at, planned, row, 'sent', patch)
  // A person agreed to this one sending; the doubt that the next crash leaves is a new one.
  const answered = at.holdsOf(planned.key).filter((hold) => hold.gate === 'outcome-unknown')
  const ended = endHolds(context, { ...at, holdsOf: () => answered }, planned.key)
  if (isRetry(planned, moved.row!)) return { row: moved.row!, facts: ended, quiet: [quietly(deliveries, moved.row!)] }
  return { row: moved.row!, facts: [moved.fact, ...ended], quiet: [] }
}

/** The same change once more, after it failed. */
function isRetry({ delivery, decision }: Planned, next: DeliveryRow): boolean {
  if (decision.do !== 'send' || decision.note !== null) return false
  if (delivery === null || (delivery.state !== 'failed' && delivery.state !== 'unsure')) return false
  return delivery.op === next.op && delivery.want === next.want && delivery.epoch === next.epoch
}

/** W3: what became of it. A repeated failure or wait is bookkeeping, not news. */
export function recordOutcome(
  context: Context,
  at: At,
  planned: Planned,
  row: DeliveryRow | null,
  outcome: Outcome,
  effectId: string,
): Record {
  const now = context.clock.now()
  const common: Patch = {
    op: opOf(planned),
    want: wantOf(planned),
    label: labelOf(planned, row),
    effectId,
    handle: null,
    until: null,
    detail: null,
  }
  const attempts = (row?.attempts ?? 0) + 1
  // What was held behind it is planned anew.
  const due = planned.decision.do === 'send' && planned.decision.outdated ? now : null
  switch (outcome.is) {
    case 'applied': {
      const event = opOf(planned) === 'delete' ? 'removed' : 'applied'
      const patch: Patch = {
        ...fresh,
        ...common,
        due,
        effectId: null,
        digest: wantOf(planned),
        digestLabel: labelOf(planned, row),
        receipt: outcome.receipt ?? null,
      }
      return {
        facts: [move(context, at, planned, row, event, patch).fact, ...endHolds(context, at, planned.key)],
        quiet: [],
      }
    }
    case 'waiting': {
      const patch: Patch = {
        ...common,
        reason: outcome.on,
        handle: outcome.handle,
        due: now + (outcome.again ?? 15_000),
        attempts: 0,
      }
      const same = JSON.stringify(row?.handle) === JSON.stringify(outcome.handle)
      return news(context, at, planned, row, 'waiting', patch, same)
    }
    case 'rejected': {
      const patch: Patch = {
        ...fresh,
        ...common,
        due,
        effectId: null,
        reason: outcome.why,
        detail: outcome.detail ?? null,
        until: outcome.until,
      }
      return { facts: [move(context, at, planned, row, 'rejected', patch).fact], quiet: [] }
    }
    case 'failed': {
      const { error } = outcome
      const patch: Patch = { ...common, reason: error.code, detail: error.message, attempts, due: at.retryAt(attempts) }
      return news(
        context,
        at,
        planned,
        row,
        outcome.effect === 'none' ? 'failed' : 'lost',
        patch,
        (row?.detail ?? planned.delivery?.detail) === error.message,
      )
    }
  }
}

/** The batch ended, or the target went away, without a word about this key. */
export function recordLost(context: Context, at: At, planned: Planned, row: DeliveryRow, reason: Reason): Record {
  const attempts = row.attempts + 1
  return news(context, at, planned, row, 'lost', { reason, attempts, due: at.retryAt(attempts) }, false)
}

function news(
  context: Context,
  at: At,
  planned: Planned,
  row: DeliveryRow | null,
  event: LifecycleEvent,
  patch: Patch,
  same: boolean,
): Record {
  const moved = move(context, at, planned, row, event, patch)
  const next = moved.row!
  const retried = row?.state === 'sending' && planned.delivery?.state === next.state && isRetry(planned, next)
  const repeated = same && row !== null && (row.state === next.state || retried) && row.want === next.want
  return repeated ? { facts: [], quiet: [quietly(deliveries, next)] } : { facts: [moved.fact], quiet: [] }
}

function opOf(planned: Planned): 'put' | 'delete' {
  return planned.decision.do === 'send' ? planned.decision.op : 'put'
}

function wantOf(planned: Planned): string | null {
  return planned.decision.do === 'send' ? planned.decision.want : null
}

function labelOf(planned: Planned, row: DeliveryRow | null): string | null {
  return planned.entry?.label ?? row?.label ?? null
}

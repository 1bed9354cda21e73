/** What is known of a target as a whole: who it is, whether it answers, what it holds. */
import { createDeadline } from '../kernel/deadline.ts'
import { AppError, type AppError as Failure } from '../kernel/errors.ts'
import { fullJitter } from '../kernel/retry.ts'
import { commit, limitsOf, standardBackoff, tell, type Context } from './context.ts'
import { put, quietPatch, type Stored } from './journal.ts'
import type { Key } from './source.ts'
import { deliveries, entries, targets, type TargetRow } from './tables.ts'
import type { Held, Target } from './target.ts'

export type TargetLook =
  | { readonly saw: 'complete'; readonly held: ReadonlyMap<Key, Held>; readonly mark: string | null }
  | { readonly saw: 'delta'; readonly found: ReadonlyMap<Key, Held | null>; readonly mark: string | null }
  | { readonly saw: 'nothing'; readonly mark: string | null }

export interface Arrival {
  readonly row: Stored<TargetRow>
  /** Identity or fingerprint differ from what the ledger knew. */
  readonly renewed: boolean
}

/** Asks the target who it is and brings its row up to date. Throws when it does not answer. */
export async function arrive<I>(context: Context<I>, target: Target<I>): Promise<Arrival> {
  const { spec, journal } = context
  const deadline = createDeadline(context.clock, limitsOf(spec).identity, context.signal, `identity of ${target.name}`)
  let identity: string
  try {
    identity = await deadline.within(target.identity(deadline.signal))
  } finally {
    deadline.end()
  }
  const known = await journal.get(targets, { sync: spec.name, target: target.name })
  const row: TargetRow = known ? columnsOf(known) : blankTarget(spec.name, target)
  const moved = row.identity !== null && row.identity !== identity
  const returned = row.state === 'orphaned'
  const reshaped = known !== null && row.fingerprint !== target.fingerprint
  const next: TargetRow = {
    ...row,
    // That it answers to its name is not enough: it recovers once a round has gone through.
    ...(row.state !== 'unavailable' && { state: 'ok', why: null, detail: null, attempts: 0, due: null }),
    identity,
    fingerprint: target.fingerprint,
    epoch: moved ? row.epoch + 1 : row.epoch,
    // What it missed while it was away may have left no trace in the ledger.
    cursor: moved || reshaped || returned ? 0 : row.cursor,
    mark: moved || reshaped || returned ? null : row.mark,
  }
  const type =
    known === null ? 'target.appeared' : moved || reshaped ? 'target.changed' : returned ? 'target.recovered' : null
  if (type !== null) {
    const reason = moved ? 'identity-changed' : reshaped ? 'fingerprint-changed' : undefined
    await commit(context, [put(targets, next, tell(context, type, { target: target.name, ...(reason && { reason }) }))])
  }
  // Known only as one that did not answer.
  else if (row.identity === null) {
    await commit(context, [], [quietPatch(targets, { sync: spec.name, target: target.name, identity })])
  }
  return { row: { ...next, seq: known?.seq ?? 0 }, renewed: known === null || moved || reshaped }
}

/** Looks where that is asked for, or where the ledger cannot tell what the target holds. */
export async function lookAtTarget<I>(
  context: Context<I>,
  target: Target<I>,
  row: TargetRow,
  asked: boolean,
): Promise<TargetLook> {
  if (!target.look) return { saw: 'nothing', mark: row.mark }
  const doubt = (await inDoubt(context, target.name)) || (await anyFirst(context, target, row.cursor))
  if (!asked && row.cursor !== 0 && !doubt) return { saw: 'nothing', mark: row.mark }
  const deadline = createDeadline(context.clock, limitsOf(context.spec).look, context.signal, `look at ${target.name}`)
  try {
    // "Nothing changed" would leave it open whether what was sent, or is about to be, is there.
    const mark = row.cursor === 0 || doubt ? null : row.mark
    const look = await deadline.within(target.look(mark === null ? {} : { mark }, deadline.signal))
    if (look.saw === 'unavailable') throw new AppError('target.unavailable', look.detail ?? look.why)
    if (look.saw === 'unchanged') return { saw: 'nothing', mark: row.mark }
    const held = new Map<Key, Held>()
    for await (const item of deadline.each(look.items)) held.set(item.key, item)
    if (look.saw === 'complete') return { saw: 'complete', held, mark: look.mark ?? null }
    const found = new Map<Key, Held | null>(look.gone.map((key) => [key, null]))
    for (const [key, item] of held) found.set(key, item)
    return { saw: 'delta', found, mark: look.mark ?? null }
  } finally {
    deadline.end()
  }
}

async function inDoubt(context: Context, target: string): Promise<boolean> {
  const where = { sync: context.spec.name, target, state: { in: ['sending', 'unsure'] as const } }
  return (await context.journal.select(deliveries, { where: where as never, limit: 1 })).length > 0
}

/** So many changes are worth a look in any case. */
const many = 1000

/** Whether something is to be sent under a key for the first time, to a target where it may be already. */
async function anyFirst<I>({ spec, journal }: Context<I>, target: Target<I>, cursor: number): Promise<boolean> {
  if (target.traits.lookFirst !== true || cursor === 0) return false
  const where = { sync: spec.name, state: 'live', seq: { above: cursor } } as const
  const rows = await journal.select(entries, { where, limit: many, without: ['item'] })
  if (rows.length === 0 || rows.length === many) return rows.length === many
  const keys = [...new Set(rows.map(({ key }) => key))]
  const at = { sync: spec.name, target: target.name, key: { in: keys } }
  return (await journal.select(deliveries, { where: at })).length < keys.length
}

/** The target as a whole does not answer: one state with a time to come back, not one failure per key. */
export async function unavailableTarget<I>(context: Context<I>, target: Target<I>, error: Failure): Promise<void> {
  const { spec, clock, random } = context
  const known = await context.journal.get(targets, { sync: spec.name, target: target.name })
  // It left while this round hung.
  if (known?.state === 'orphaned') return
  const row = known ? columnsOf(known) : blankTarget(spec.name, target)
  const due = clock.now() + fullJitter(row.attempts, spec.backoff ?? standardBackoff, random)
  const next: TargetRow = {
    ...row,
    state: 'unavailable',
    why: 'target-unavailable',
    detail: error.message,
    attempts: row.attempts + 1,
    due,
  }
  if (known !== null && row.state === 'unavailable' && row.detail === next.detail) {
    const { sync, target: name, attempts } = next
    await commit(context, [], [quietPatch(targets, { sync, target: name, attempts, due })])
    return
  }
  const about = { target: target.name, reason: 'target-unavailable', data: { detail: error.message } }
  await commit(context, [put(targets, next, tell(context, 'target.unavailable', about))])
}

/** A round went through with a target that had not answered before. */
export async function recoveredTarget(context: Context, target: string): Promise<void> {
  const known = await context.journal.get(targets, { sync: context.spec.name, target })
  if (known?.state !== 'unavailable') return
  const row: TargetRow = { ...columnsOf(known), state: 'ok', why: null, detail: null, attempts: 0, due: null }
  await commit(context, [put(targets, row, tell(context, 'target.recovered', { target }))])
}

export function columnsOf<R extends { readonly seq: number }>(stored: R): Omit<R, 'seq'> {
  const { seq: _, ...columns } = stored
  return columns
}

function blankTarget(sync: string, target: Target<never>): TargetRow {
  return {
    sync,
    target: target.name,
    state: 'new',
    why: null,
    detail: null,
    identity: null,
    fingerprint: target.fingerprint,
    epoch: 1,
    cursor: 0,
    owed: null,
    mark: null,
    lookedAt: null,
    budgetLeft: null,
    budgetAt: null,
    attempts: 0,
    due: null,
  }
}

/**
 * Stage 3: may a change go now? Gates are asked in order; the first that holds puts the change on the
 * list of holds. One mechanism for removal budget, empty source, first sight, drift, doubt and
 * whatever a registry adds (approval, window, never-down); one list, one release.
 */
import type { Instant } from '../kernel/clock.ts'
import { digestOf, type Digest } from '../kernel/digest.ts'
import { capacity, refill, standardBudget, type Bucket } from './budget.ts'
import { contestAfter, waitOf } from './contest.ts'
import type { Context } from './context.ts'
import type { RemovalBudget } from './engine.ts'
import type { Stored } from './journal.ts'
import type { Planned } from './plan.ts'
import type { Reason } from './reason.ts'
import { deliveries, entries, holds, scopes, type DeliveryRow, type HoldRow, type TargetRow } from './tables.ts'
import type { Held } from './target.ts'

/** `known`: the same hold as the ledger has it, where it was raised before. */
export type Ruling =
  | { readonly go: true }
  | { readonly go: false; readonly hold: HoldRow; readonly known: Stored<HoldRow> | null }

export interface Gatekeeper {
  /** Asks every gate about one planned change. May spend from the removal budget. */
  rule(planned: Planned): Promise<Ruling>
  /** Hold rows of a key that no longer has anything to hold. */
  holdsOf(key: string): readonly Stored<HoldRow>[]
  /** Keys with a hold that nobody released yet. */
  held(): readonly string[]
  /** What is left of the removal budget; null: not touched. */
  bucket(): Bucket | null
  /** Reads the holds anew: a person may have released some meanwhile. */
  refresh(): Promise<void>
}

/** What one-shot commands allow: shared by all targets of the pass. */
export interface Allowance {
  left: number
  /** Absences of this pass rest on one look and on what the person allowed: nothing goes beyond that. */
  readonly strict?: boolean
}

export async function createGatekeeper(
  context: Context,
  target: Pick<TargetRow, 'target' | 'budgetLeft' | 'budgetAt'>,
  allowance: Allowance,
): Promise<Gatekeeper> {
  const { spec, journal, clock } = context
  const sync = spec.name
  let byId = new Map<string, Stored<HoldRow>>()
  let byKey = new Map<string, Stored<HoldRow>[]>()
  await refresh()
  let counts: { readonly live: number; readonly shown: number; readonly held: number } | null = null
  let bucket: Bucket | null = null

  async function refresh(): Promise<void> {
    const existing = await journal.select(holds, { where: { sync, target: target.target } })
    byId = new Map(existing.map((hold) => [hold.id, hold]))
    byKey = Map.groupBy(existing, (hold) => hold.key)
  }

  async function counted() {
    counts ??= {
      live: await total(journal.count(entries, { sync, state: 'live' })),
      shown: await shownNow(context),
      held: await total(journal.count(deliveries, { sync, target: target.target })),
    }
    return counts
  }

  function holdFor(
    planned: Planned,
    subject: Digest,
    gate: string,
    reason: Reason,
    until: Instant | null,
  ): HoldRow | null {
    if (planned.decision.do !== 'send') return null
    const { op } = planned.decision
    const id = digestOf([sync, target.target, planned.key, gate, subject]).slice(0, 12)
    const known = byId.get(id)
    if (known?.state === 'released') return null
    const label = planned.entry?.label ?? planned.delivery?.label ?? null
    return {
      id,
      sync,
      target: target.target,
      key: planned.key,
      gate,
      reason,
      subject,
      op,
      label,
      state: 'held',
      until,
      by: null,
    }
  }

  /** Spends one removal, unless nothing is left or this very removal is already held. */
  async function removalHold(planned: Planned, subject: Digest, budget: RemovalBudget): Promise<HoldRow | null> {
    if (allowance.left > 0) {
      allowance.left -= 1
      return null
    }
    const { shown, held } = await counted()
    if (shown === 0) return holdFor(planned, subject, 'removals', 'source-empty', null)
    const hold = holdFor(planned, subject, 'removals', 'removal-budget', null)
    if (hold === null || allowance.strict) return hold
    const stored = target.budgetAt === null ? null : { left: target.budgetLeft ?? 0, at: target.budgetAt }
    bucket ??= refill(stored, budget, held, clock.now())
    const waiting = byId.has(hold.id)
    if (!waiting && bucket.left >= 1) {
      bucket = { ...bucket, left: Math.min(bucket.left, capacity(budget, held)) - 1 }
      return null
    }
    return hold
  }

  const held = (hold: HoldRow): Ruling => ({ go: false, hold, known: byId.get(hold.id) ?? null })

  return {
    async rule(planned) {
      const { decision } = planned
      // What the target has accepted is only asked about: to hold that back would undo nothing.
      if (decision.do !== 'send' || decision.resume) return { go: true }
      const subject = digestOf([decision.op, decision.want])
      if (decision.hold !== null) {
        const hold = holdFor(planned, subject, decision.hold, decision.hold, null)
        if (hold) return held(hold)
      }
      const contested = contestedUntil(planned, clock.now())
      if (contested !== null) {
        const hold = holdFor(planned, subject, 'contested', 'contested', contested)
        if (hold) return held(hold)
      }
      const { budget = standardBudget } = spec
      if (decision.op === 'delete' && budget !== 'none' && !charged(planned)) {
        const hold = await removalHold(planned, subject, budget)
        if (hold) return held(hold)
      }
      for (const gate of spec.gates ?? []) {
        const { live, held: holding } = await counted()
        const change = {
          key: planned.key,
          op: decision.op,
          subject,
          ...(planned.entry && { entry: { ...planned.entry, note: null } as never }),
          ...(planned.delivery?.digest && { was: believed(planned.delivery) }),
        }
        const view = { now: clock.now(), sync, target: target.target, live, held: holding }
        const ruling = gate.ask(change, view)
        if (ruling === 'go') continue
        const hold = holdFor(
          planned,
          ruling.subject,
          gate.name,
          ruling.hold,
          ruling.until === 'person' ? null : ruling.until,
        )
        if (hold) return held(hold)
      }
      return { go: true }
    },
    holdsOf: (key) => byKey.get(key) ?? [],
    held: () => [...byId.values()].filter((hold) => hold.state === 'held').map((hold) => hold.key),
    bucket: () => bucket,
    refresh,
  }
}

function believed({ key, digest, digestLabel }: DeliveryRow): Held {
  return { key, digest, ...(digestLabel !== null && { label: digestLabel }) }
}

/**
 * Entries that show the source not to be empty. What the last look at their scope did not see shows
 * nothing, nor does what a scope left behind that the config no longer names.
 */
async function shownNow({ journal, spec }: Context): Promise<number> {
  const sync = spec.name
  const orphaned = await journal.select(scopes, { where: { sync, state: 'orphaned' } })
  const out = new Set<unknown>(orphaned.map(({ scope }) => scope))
  const tallies = await journal.count(entries, { sync, state: 'live', missedAt: null }, ['scope'])
  return tallies.reduce((sum, { by, count }) => sum + (out.has(by[0]) ? 0 : count), 0)
}

/** When a repair may go that somebody else keeps undoing; null: now. */
function contestedUntil({ decision, delivery }: Planned, now: Instant): Instant | null {
  if (decision.do !== 'send' || delivery === null) return null
  if (decision.note?.event === 'drifted') {
    const wait = waitOf(contestAfter(delivery.contest, now).times)
    return wait === 0 ? null : now + wait
  }
  const waits = delivery.state === 'held' && delivery.reason === 'contested' && delivery.want === decision.want
  return waits && delivery.due !== null && delivery.due > now ? delivery.due : null
}

/** This removal went through here before, and is only tried again. */
function charged({ delivery }: Planned): boolean {
  if (delivery === null || delivery.op !== 'delete' || delivery.effectId === null) return false
  return ['sending', 'unsure', 'waiting', 'failed'].includes(delivery.state)
}

async function total(tallies: Promise<{ count: number }[]>): Promise<number> {
  return (await tallies).reduce((sum, tally) => sum + tally.count, 0)
}

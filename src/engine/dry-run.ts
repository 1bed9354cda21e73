/**
 * What a pass would do: the real pass, on a draft of the ledger, with targets that write down what
 * they are asked for. So a plan can never differ from what would happen for any other reason than time.
 */
import { silentLogger } from '../kernel/logger.ts'
import type { Context } from './context.ts'
import type { Plan, PlannedChange } from './engine.ts'
import type { Event, Journal } from './journal.ts'
import { createPasses } from './pass.ts'
import type { Reason } from './reason.ts'
import { deliveries, holds } from './tables.ts'
import type { Change, Outcome, Target, TargetSet } from './target.ts'

/** A journal whose writes stay its own. */
export type Draft = Journal & { drafted(): readonly Event[] }

export async function planOnly(context: Context, draft: Draft, options: { allowDeletes?: number }): Promise<Plan> {
  const asked: { target: string; change: Change<unknown> }[] = []
  const { spec } = context
  const dry: Context = {
    ...context,
    spec: {
      ...spec,
      source: { ...spec.source, look: (ask, signal) => spec.source.look({ ...ask, dry: true }, signal) },
      targets: pretending(spec.targets, (target, change) => asked.push({ target, change })),
    },
    journal: draft,
    logger: silentLogger,
    fence: () => ({ sync: spec.name, token: 0 }),
  }
  const { again: _, ...looked } = await createPasses(dry).run({ why: 'asked', ...options })
  const reasons = reasonsOf(draft.drafted())
  const changes = asked.map(({ target, change }): PlannedChange => {
    const { key, op } = change
    const reason = reasons.get(`${target}\0${key}`) ?? null
    return {
      target,
      key,
      op,
      label: change.entry?.label ?? change.was?.label ?? null,
      from: change.was?.digest ?? null,
      to: change.entry?.digest ?? null,
      reason,
      hold: null,
    }
  })
  const sorted = [...changes, ...(await heldChanges(draft, spec.name))].toSorted((a, b) =>
    a.target === b.target ? (a.key < b.key ? -1 : 1) : a.target < b.target ? -1 : 1,
  )
  return { changes: sorted, looked }
}

/** The targets of a set, looked at for real, and agreeing to everything without doing it. */
function pretending<I>(set: TargetSet<I>, asked: (target: string, change: Change<I>) => void): TargetSet<I> {
  const pretend = (target: Target<I>): Target<I> => ({
    name: target.name,
    fingerprint: target.fingerprint,
    traits: target.traits,
    identity: (signal) => target.identity(signal),
    ...(target.render && { render: target.render.bind(target) }),
    ...(target.look && { look: target.look.bind(target) }),
    async *apply(batch): AsyncGenerator<readonly [string, Outcome]> {
      for (const change of batch.changes) {
        asked(target.name, change)
        yield [change.key, { is: 'applied' }]
      }
    },
  })
  return {
    async list(signal) {
      const listed = await set.list(signal)
      return listed.saw === 'complete' ? { saw: 'complete', targets: listed.targets.map(pretend) } : listed
    },
  }
}

/** Why a change is made, where the pass noted more than "it is wanted". */
function reasonsOf(events: readonly Event[]): Map<string, Reason> {
  const noted = events.filter((event) => event.type === 'delivery.drifted' || event.type === 'delivery.missed')
  return new Map(noted.map((event) => [`${event.target}\0${event.key}`, event.reason ?? 'drifted']))
}

async function heldChanges(draft: Draft, sync: string): Promise<PlannedChange[]> {
  const held = await draft.select(holds, { where: { sync, state: 'held' } })
  return Promise.all(
    held.map(async ({ target, key, op, label, reason }): Promise<PlannedChange> => {
      const row = await draft.get(deliveries, { sync, target, key })
      return { target, key, op, label, from: row?.digest ?? null, to: row?.want ?? null, reason: null, hold: reason }
    }),
  )
}

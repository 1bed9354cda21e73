/**
 * Turns active services inactive that were silent for longer than their threshold. Who may go, and why, self-preservation
 * decides; what hangs below a silent one is told as unreachable by way of it, and counted with the topmost.
 */
import { isoTime, type Clock } from '../../../kernel/clock.ts'
import { formatDuration } from '../../../kernel/duration.ts'
import type { JsonObject } from '../../../kernel/json.ts'
import type { ServicesConfig } from '../config.ts'
import type { Liveness } from '../liveness/liveness.ts'
import type { Decision, Preservation } from '../liveness/preservation.ts'
import { serviceTypes } from '../model.ts'
import type { Registrations } from '../registration/registrations.ts'
import { noSlot, type Roster, type Slot } from '../roster/roster.ts'
import type { Job, JobContext } from './job.ts'
import { mostShown, nameOf } from './named.ts'
import { parentSilent } from './reasons.ts'

export interface MarkInactiveParts {
  readonly roster: Roster
  readonly liveness: Pick<Liveness, 'overdue' | 'silence' | 'lastSeen'>
  readonly registrations: Pick<Registrations, 'transitAll'>
  readonly preservation: Pick<Preservation, 'decide'>
  readonly clock: Pick<Clock, 'now'>
  readonly config: Pick<ServicesConfig, 'inactive_after' | 'jobs'>
}

/** Of one commit. */
const together = 2_000

export function markInactiveJob(parts: MarkInactiveParts): Job {
  return {
    name: 'mark-inactive',
    about: 'Turns services inactive that were silent for longer than their threshold',
    schedule: { interval: parts.config.jobs.mark_inactive.every },
    enabled: true,
    most: 1_800_000,
    run: (context) => markInactive(parts, context),
  }
}

async function markInactive(parts: MarkInactiveParts, context: JobContext): Promise<JsonObject> {
  const { roster, liveness, preservation, clock } = parts
  const { dryRun } = context
  const overdue = liveness.overdue(roster.end)
  const ask = { dryRun, ...(!dryRun && { fence: context.fence() }) }
  const decision = await preservation.decide(overdue, clock.now(), ask)
  const dataOf = tellerOf(parts, decision)
  const going = decision.go.flatMap(({ reason, slots }) => slots.map((slot) => ({ slot, why: reason })))
  const result = {
    overdue: overdue.length,
    due: going.length,
    withheld: decision.withheld,
    held: decision.held.map(({ group, silent, active }) => ({ group, silent, active })),
    by_type: Object.fromEntries(
      serviceTypes.map((type) => [type, going.filter(({ slot }) => roster.typeOf(slot) === type).length]),
    ),
    services: going.slice(0, mostShown).map(({ slot, why }) => {
      const last_seen = isoTime(liveness.lastSeen(slot))
      return { service: nameOf(roster, slot), why, last_seen, ...dataOf(slot, why) }
    }),
  }
  let inactive = 0
  for (const { reason, slots } of dryRun ? [] : decision.go) {
    inactive += await turn(parts, context, reason, slots, (slot) => dataOf(slot, reason))
  }
  return { inactive, ...result }
}

/** What the event of each says besides. */
function tellerOf({ roster, liveness, config }: MarkInactiveParts, { go, unreachable }: Decision) {
  const going = new Set(go.flatMap(({ slots }) => slots))
  const isSilent = (slot: Slot) => going.has(slot) || roster.statusOf(slot) === 'inactive'
  return (slot: Slot, why: string): JsonObject => {
    const { parent, inactiveAfter } = roster.columns
    const after = inactiveAfter[slot]! * 1_000 || config.inactive_after[roster.typeOf(slot)]
    const silence = Math.floor(liveness.silence(slot) / 1_000) * 1_000
    const data = { silence: formatDuration(silence), rule: `inactive_after ${formatDuration(after)}` }
    const below = unreachable.get(slot)
    if (why !== parentSilent) return below === undefined ? data : { ...data, unreachable: below }
    let via = parent[slot]!
    for (let above = parent[via] ?? noSlot; above !== noSlot && isSilent(above); above = parent[above]!) via = above
    return via === noSlot ? data : { ...data, via: nameOf(roster, via) }
  }
}

/** How many turned. */
async function turn(
  { liveness, registrations, clock }: MarkInactiveParts,
  { signal, by, fence }: JobContext,
  rule: string,
  slots: readonly Slot[],
  data: (slot: Slot) => JsonObject,
): Promise<number> {
  let turned = 0
  const silences = slots.map((slot) => liveness.silence(slot))
  const wasHeard = (n: number) => liveness.silence(slots[n]!) < silences[n]!
  for (let from = 0; from < slots.length; from += together) {
    signal.throwIfAborted()
    const part = [...slots.keys()].slice(from, from + together)
    const quiet = part.filter((n) => !wasHeard(n))
    const options = { actor: by, rule, at: clock.now(), data, fence: fence() }
    const done = new Set(
      await registrations.transitAll(
        quiet.map((n) => slots[n]!),
        'silence',
        options,
      ),
    )
    turned += done.size
    // Heard of while it was written, when they still were active: no heartbeat may have been for nothing.
    const back = quiet.filter((n) => done.has(slots[n]!) && wasHeard(n)).map((n) => slots[n]!)
    if (back.length > 0) await registrations.transitAll(back, 'heartbeat', { actor: 'system', at: clock.now() })
  }
  return turned
}

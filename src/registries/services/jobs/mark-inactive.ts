/**
 * Turns active services inactive that were silent for longer than their threshold. Who may go, and why, self-preservation
 * decides; what hangs below a silent one is told as unreachable by way of it, and counted with the topmost.
 */
import { isoTime, type Clock, type Ms } from '../../../kernel/clock.ts'
import { formatDuration } from '../../../kernel/duration.ts'
import type { JsonObject } from '../../../kernel/json.ts'
import type { Logger } from '../../../kernel/logger.ts'
import type { ServicesConfig } from '../config.ts'
import type { Liveness } from '../liveness/liveness.ts'
import type { Decision, Preservation } from '../liveness/preservation.ts'
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
  readonly logger: Logger
  readonly config: Pick<ServicesConfig, 'inactive_after' | 'jobs'>
}

/** Of one commit: more would keep heartbeats waiting for longer. */
const together = 500

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
  const { roster, liveness, preservation, clock, logger } = parts
  const { dryRun } = context
  const overdue = liveness.overdue(roster.end)
  const ask = { dryRun, ...(!dryRun && { fence: context.fence() }) }
  const decision = await preservation.decide(overdue, clock.now(), ask)
  const held = decision.held.map(({ group, silent, active }) => ({ group, silent, active }))
  const result = {
    overdue: overdue.length,
    withheld: decision.withheld,
    held,
    ...shownOf(parts, decision),
  }
  let inactive = 0
  for (const { reason, slots } of dryRun ? [] : decision.go) {
    inactive += await turn(parts, context, reason, slots, (slot) => dataOf(parts, decision, slot, reason))
  }
  if (inactive > 0) logger.info({ inactive, withheld: decision.withheld }, 'silent services turned inactive')
  return { inactive, ...result }
}

function shownOf(parts: MarkInactiveParts, decision: Decision) {
  const { roster, liveness } = parts
  const byType = { poller: 0, agent: 0, checker: 0 }
  const services: JsonObject[] = []
  let due = 0
  for (const { reason: why, slots } of decision.go) {
    due += slots.length
    for (const slot of slots) {
      byType[roster.typeOf(slot)] += 1
      if (services.length === mostShown) continue
      const last_seen = isoTime(liveness.lastSeen(slot))
      services.push({ service: nameOf(roster, slot), why, last_seen, ...dataOf(parts, decision, slot, why) })
    }
  }
  return { due, by_type: byType, services }
}

/** What the event of each says besides. */
function dataOf(
  { roster, liveness, config }: MarkInactiveParts,
  { unreachable }: Decision,
  slot: Slot,
  why: string,
): JsonObject {
  const { parent } = roster.columns
  const after = thresholdOf({ roster, config }, slot)
  const silence = Math.floor(liveness.silence(slot) / 1_000) * 1_000
  const data = { silence: formatDuration(silence), rule: `inactive_after ${formatDuration(after)}` }
  const below = unreachable.get(slot)
  if (why !== parentSilent) return below === undefined ? data : { ...data, unreachable: below }
  let above = parent[slot]!
  while (above !== noSlot && !unreachable.has(above)) above = parent[above]!
  return above === noSlot ? data : { ...data, via: nameOf(roster, above) }
}

function thresholdOf({ roster, config }: Pick<MarkInactiveParts, 'roster' | 'config'>, slot: Slot): Ms {
  return roster.columns.inactiveAfter[slot]! * 1_000 || config.inactive_after[roster.typeOf(slot)]
}

/** How many turned. */
async function turn(
  parts: MarkInactiveParts,
  { signal, by, fence }: JobContext,
  rule: string,
  slots: readonly Slot[],
  data: (slot: Slot) => JsonObject,
): Promise<number> {
  const { liveness, registrations, clock } = parts
  let turned = 0
  const isSilent = (slot: Slot) => liveness.silence(slot) >= thresholdOf(parts, slot)
  for (let from = 0; from < slots.length; from += together) {
    signal.throwIfAborted()
    const options = { actor: by, rule, at: clock.now(), data, fence: fence() }
    const done = await registrations.transitAll(slots.slice(from, from + together).filter(isSilent), 'silence', options)
    turned += done.length
    // Heard of while it was written, when they still were active: no heartbeat may have been for nothing.
    const back = done.filter((slot) => !isSilent(slot))
    if (back.length > 0) await registrations.transitAll(back, 'heartbeat', { actor: 'system', at: clock.now() })
  }
  return turned
}

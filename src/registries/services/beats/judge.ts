/** Decides what becomes of a heartbeat, from memory, before anything is written. */
import type { Instant } from '../../../kernel/clock.ts'
import type { Caller } from '../../../kernel/route.ts'
import { verdictOn } from '../lifecycle.ts'
import type { Liveness } from '../liveness/liveness.ts'
import { isKnownStatus, isServiceId, parentType, serviceStatuses, type ServiceType } from '../model.ts'
import { noSlot, type Roster, type Slot } from '../roster/roster.ts'
import type { BeatOutcome, BeatRefusal, Heartbeat } from './beats.ts'
import type { Newcomers } from './newcomers.ts'
import { outcomes, refusal } from './outcomes.ts'
import type { Quarantine } from './quarantine.ts'
import type { Refusals } from './refusals.ts'
import { createSpeaks } from './subject.ts'
import type { Told } from './told.ts'

export interface JudgeParts {
  readonly roster: Roster
  readonly liveness: Pick<Liveness, 'heard'>
  readonly quarantine: Pick<Quarantine, 'again'>
  readonly told: Pick<Told, 'note'>
  readonly refusals: Refusals
  readonly newcomers: Newcomers
}

export interface Judge {
  /** Of one that is registered. null: it may report, and its status has to change for that. */
  known(slot: Slot, beat: Heartbeat, caller: Caller, now: Instant): BeatOutcome | null
  /** Of one that is not. Who is let in is counted: ask once for each. */
  unknown(beat: Heartbeat, caller: Caller, now: Instant): BeatOutcome | 'register' | 'quarantine'
}

const active = serviceStatuses.indexOf('active')

export function createJudge({ roster, liveness, quarantine, told, refusals, newcomers }: JudgeParts): Judge {
  const { columns } = roster
  const speaks = createSpeaks(roster)

  const refuse = (beat: Heartbeat, caller: Caller, now: Instant, why: BeatRefusal, detail?: string): BeatOutcome => {
    refusals.add(beat, why, caller, now)
    return refusal(why, detail)
  }

  const known: Judge['known'] = (slot, beat, caller, now) => {
    if (caller.subject !== null && !speaks(caller.subject, slot, beat)) {
      return refuse(beat, caller, now, 'service-subject')
    }
    const status = columns.status[slot]!
    if (status !== active) {
      const verdict = verdictOn(serviceStatuses[status]!, 'heartbeat')
      if (verdict.is === 'refused') return refuse(beat, caller, now, verdict.why as BeatRefusal)
    }
    if (beat.parent !== '' && !isBelow(roster, slot, beat)) {
      return refuse(beat, caller, now, 'service-parent', parentOf(roster, slot))
    }
    if (status !== active) return null
    const heard = liveness.heard(slot, beat, now)
    if (heard !== 'taken') told.note(slot, heard, now)
    return outcomes[heard]
  }

  const unknown: Judge['unknown'] = (beat, caller, now) => {
    if (!isServiceId(beat.id)) return refusal('service-invalid', noId(`${beat.type}_id`))
    if (caller.subject !== null && !speaks(caller.subject, noSlot, beat)) {
      return refuse(beat, caller, now, 'service-subject')
    }
    const policy = newcomers.policyFor(beat)
    if (policy === 'deny') return refuse(beat, caller, now, 'service-unknown')
    const above = parentType(beat.type)
    const fault = above === null ? null : parentFault(roster, above, beat.parent)
    // A person who approves sees to the parent, too: in quarantine it need not be there yet.
    const mayCome = policy === 'quarantine' && fault?.is === 'missing'
    if (fault !== null && !mayCome) return refuse(beat, caller, now, 'service-parent', fault.detail)
    if (newcomers.entrance(beat, caller, now) === 'allow') return 'register'
    return quarantine.again(beat, caller.name, now) ? outcomes.quarantined : 'quarantine'
  }

  return { known, unknown }
}

/** Below one that is not there, any that is not there will do: its name is in the ledger alone. */
function isBelow(roster: Roster, slot: Slot, beat: Heartbeat): boolean {
  const parent = roster.columns.parent[slot]!
  if (parent !== noSlot) return roster.isId(parent, beat.parent)
  const above = parentType(beat.type)
  return above !== null && roster.find(above, beat.parent) === noSlot
}

function parentOf(roster: Roster, slot: Slot): string | undefined {
  const parent = roster.columns.parent[slot]!
  return parent === noSlot ? undefined : `It is registered under ${roster.typeOf(parent)} ${roster.idOf(parent)}.`
}

interface ParentFault {
  readonly is: 'missing' | 'wrong'
  readonly detail: string
}

function parentFault(roster: Roster, above: ServiceType, parent: string): ParentFault | null {
  if (parent === '') return { is: 'wrong', detail: `It is not registered: ${above}_id has to name its ${above}.` }
  if (!isServiceId(parent)) return { is: 'wrong', detail: noId(`${above}_id`) }
  const slot = roster.find(above, parent)
  if (slot === noSlot) {
    return { is: 'missing', detail: `Its ${above} ${parent} is not registered: that has to report first.` }
  }
  const status = roster.statusOf(slot)
  return isKnownStatus(status) ? null : { is: 'wrong', detail: `Its ${above} ${parent} was ${status}.` }
}

const noId = (field: string) => `${field} must be printable text without spaces at its ends.`

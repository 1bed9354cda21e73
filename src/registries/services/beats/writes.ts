/** What heartbeats change durably: who is let in, who turns active, who waits for a person. */
import type { Instant } from '../../../kernel/clock.ts'
import { asAppError, type AppError } from '../../../kernel/errors.ts'
import type { Logger } from '../../../kernel/logger.ts'
import type { Caller } from '../../../kernel/route.ts'
import type { Liveness } from '../liveness/liveness.ts'
import type { By, Registrations } from '../registration/registrations.ts'
import type { Roster, Slot } from '../roster/roster.ts'
import type { BeatOutcome, Heartbeat } from './beats.ts'
import { implicitRegistration } from './newcomers.ts'
import { outcomes, refusal } from './outcomes.ts'
import type { Quarantine } from './quarantine.ts'
import type { Told } from './told.ts'

/** A heartbeat that may be taken, and what that needs. No two of one round are of one service. */
export interface Decided {
  readonly index: number
  readonly beat: Heartbeat
  readonly slot: Slot
  readonly does: 'register' | 'transit' | 'quarantine'
}

export interface WritesParts {
  readonly roster: Roster
  readonly liveness: Pick<Liveness, 'heard'>
  readonly registrations: Pick<Registrations, 'register' | 'transitAll'>
  readonly quarantine: Quarantine
  readonly logger: Logger
  readonly told: Pick<Told, 'note'>
}

export interface Writes {
  /** Durable when it resolves. One for each, in order; null: it is no longer as it was decided on, decide anew. */
  write(decided: readonly Decided[], caller: Caller, now: Instant): Promise<readonly (BeatOutcome | null)[]>
}

/** Who follows from heartbeats, in events. */
const system = 'system'

export function createWrites(parts: WritesParts): Writes {
  const { roster, registrations, quarantine, logger } = parts

  const heard = (slot: Slot, beat: Heartbeat, now: Instant) => {
    // A person may have been quicker: what is revoked by now was not heard of.
    if (roster.statusOf(slot) === 'active') parts.told.note(slot, parts.liveness.heard(slot, beat, now), now)
  }

  const does: Readonly<Record<Decided['does'], Does>> = {
    async register(some, by, _caller, now) {
      const asked = some.map(({ beat }) => implicitRegistration(beat, by.actor, now))
      const results = await registrations.register(asked, by, now, now)
      return results.map((result, at) => {
        if ('code' in result) return refusalOf(result)
        if (result.result !== 'registered') return null
        heard(result.slot, some[at]!.beat, now)
        return outcomes.registered
      })
    },
    async transit(some, by, _caller, now) {
      const before = some.map(({ slot }) => roster.statusOf(slot))
      const slots = some.map(({ slot }) => slot)
      const done = new Set(await registrations.transitAll(slots, 'heartbeat', { ...by, at: now }))
      return some.map(({ slot, beat }, at) => {
        if (!done.has(slot)) return null
        heard(slot, beat, now)
        return before[at] === 'pending' ? outcomes.activated : outcomes.reactivated
      })
    },
    async quarantine(some, _by, caller, now) {
      const beats = some.map(({ beat }) => beat)
      const entered = await quarantine.enter(beats, caller.name, now)
      return entered.map((is) => (is ? outcomes.quarantined : quarantineFull))
    },
  }

  /** Of one kind and, for the events, from one address. Whatever fails, fails for these alone. */
  const writeSome = async (some: readonly Decided[], caller: Caller, now: Instant) => {
    const { does: kind, beat } = some[0]!
    const by = { actor: system, ...(beat.from !== '' && { from: beat.from }) }
    try {
      return await does[kind](some, by, caller, now)
    } catch (thrown) {
      const error = asAppError(thrown)
      if (error.class === 'bug') logger.error({ err: error }, 'heartbeats could not be recorded')
      const outcome = unavailable(error)
      return some.map(() => outcome)
    }
  }

  return {
    async write(decided, caller, now) {
      const groups = [...Map.groupBy(decided, ({ does: kind, beat }) => `${kind} ${beat.from}`).values()]
      const said = new Map<Decided, BeatOutcome | null>()
      const write = async (some: readonly Decided[]) => {
        const results = await writeSome(some, caller, now)
        for (const [at, one] of some.entries()) said.set(one, results[at] ?? null)
      }
      await Promise.all(groups.map(write))
      return decided.map((one) => said.get(one) ?? null)
    },
  }
}

type Does = (some: readonly Decided[], by: By, caller: Caller, now: Instant) => Promise<readonly (BeatOutcome | null)[]>

const quarantineFull = refusal(
  'service-unknown',
  'It is not registered, and no more may wait for a person: register it.',
)

/** Of one that was let in and could not be registered. null: it is there by now. */
function refusalOf(error: AppError): BeatOutcome | null {
  if (error.code === 'services.exists') return null
  if (error.code === 'services.parent') return refusal('service-parent', error.detail)
  if (error.code === 'request.invalid') return refusal('service-invalid', error.detail)
  return unavailable(error)
}

function unavailable({ code }: AppError): BeatOutcome {
  return refusal('service-unavailable', `It could not be recorded now (${code}): send it again.`)
}

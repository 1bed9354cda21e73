/**
 * Self-preservation: before anybody turns inactive for silence it is asked whether too many of their group would at
 * once. What is held is in the ledger, so that it outlives a restart and any replica may let it go; what was let go, and
 * who went for silence, is read from the events.
 */
import { drop, put, quietPatch, type EventDraft, type Fact, type Fence, type Journal } from '../../../engine/journal.ts'
import type { Clock, Instant } from '../../../kernel/clock.ts'
import { refOf } from '../model.ts'
import type { ServicesConfig } from '../config.ts'
import type { By } from '../registration/registrations.ts'
import { noSlot, type Roster, type Slot } from '../roster/roster.ts'
import { preservations, type PreservationRow } from '../tables.ts'
import { judge, type GroupState } from './brake.ts'
import type { Liveness } from './liveness.ts'
import { activeOf, followers, groupOf, marked, mostPerTurn, triage, type Kin, type Triage } from './triage.ts'

/** Reason constants; docs/reasons.md. */
const silent = 'service-silent'
const lossAccepted = 'service-loss-accepted'
const parentSilent = 'service-parent-silent'

/** Events of the window that are read by a process that did not do the runs before. */
const mostEvents = 20_000
/** Groups let go within the window; more are held once more. */
const mostAccepted = 100_000
/** Facts of one commit. */
const mostFacts = 1_000

export interface Decision {
  /** Who may turn inactive now, by the reason for it, to be given to their events. Parents before their children. */
  readonly go: readonly { readonly reason: string; readonly slots: readonly Slot[] }[]
  readonly held: readonly PreservationRow[]
  /** Overdue, and held. */
  readonly withheld: number
  /** Overdue, and unreachable by way of these silent ones. */
  readonly unreachable: ReadonlyMap<Slot, number>
}

export interface Preservation {
  /** One run of the job. What starts and ends by it is in the ledger when it resolves; with `dryRun` nothing is. */
  decide(
    overdue: readonly Slot[],
    at: Instant,
    options?: { readonly dryRun?: boolean; readonly fence?: Fence },
  ): Promise<Decision>
  /** Accepts the losses of a held group: the next run lets them go. False: it is not held. */
  release(group: string, by: By): Promise<boolean>
  groupOf(slot: Slot): string
  /** As of the last run in this process. */
  readonly held: readonly PreservationRow[]
}

export interface PreservationParts {
  readonly journal: Journal
  readonly roster: Roster
  readonly liveness: Pick<Liveness, 'isLate' | 'silence'>
  readonly config: Pick<ServicesConfig, 'preservation' | 'jobs'>
  readonly clock: Clock
  /** Value of the metadata that `group_by` names; needed only where it does. */
  readonly siteOf?: (poller: Slot) => string | null
}

/** Who went for silence in a run: counted later as those of them who then did turn inactive. */
interface Gone {
  readonly at: Instant
  readonly slots: ReadonlyMap<string, readonly Slot[]>
}

export function createPreservation(parts: PreservationParts): Preservation {
  const { journal, roster, clock } = parts
  const config = parts.config.preservation
  /** What was let go stays so for that: at least one run comes by. */
  const acceptedFor = config.window + 2 * parts.config.jobs.mark_inactive.every
  const kin: Kin = {
    roster,
    isLate: (slot) => parts.liveness.isLate(slot),
    silence: (slot) => parts.liveness.silence(slot),
    siteOf: config.group_by === undefined ? null : (parts.siteOf ?? null),
  }
  const pause = () => clock.sleep(0)
  let held: readonly PreservationRow[] = []
  let gone: Gone[] = []
  let token: number | null = null

  /** Who went for silence within the window. While it holds the same lease, nobody else did any run. */
  async function goneSince(since: Instant, fence: Fence | undefined): Promise<Gone[]> {
    if (token === (fence?.token ?? 0)) return gone.filter((one) => one.at >= since)
    const query = { type: 'service.deactivated', sync: 'services', since, last: true, limit: mostEvents }
    const found: Gone[] = []
    for (const event of await journal.events(query)) {
      const ref = event.reason === silent ? refOf(event.key ?? '') : null
      const slot = ref === null ? noSlot : roster.find(ref.type, ref.id)
      if (slot !== noSlot) found.push({ at: event.at, slots: new Map([[groupOf(kin, slot), [slot]]]) })
    }
    return found
  }

  function countGone(past: readonly Gone[]): Map<string, number> {
    const counts = new Map<string, number>()
    for (const { slots } of past) {
      for (const [group, list] of slots) counts.set(group, (counts.get(group) ?? 0) + list.filter(isGone).length)
    }
    return counts
  }

  const isGone = (slot: Slot) => roster.columns.type[slot]! > 2 || roster.statusOf(slot) !== 'active'

  async function acceptedSince(since: Instant): Promise<Set<string>> {
    const query = { type: 'preservation.ended', sync: 'services', since, last: true, limit: mostAccepted }
    const events = await journal.events(query)
    return new Set(events.filter((event) => event.reason !== 'preservation-recovered').map((event) => event.key ?? ''))
  }

  async function statesOf(sorted: Triage, rows: readonly PreservationRow[], recent: Map<string, number>, at: Instant) {
    const accepted = await acceptedSince(at - acceptedFor)
    const groups = new Set([...sorted.own.keys(), ...rows.map(({ group }) => group)])
    const active = await activeOf(kin, groups, pause)
    return new Map<string, GroupState>(
      [...groups].map((group) => [
        group,
        {
          silent: sorted.own.get(group)?.length ?? 0,
          active: active.get(group) ?? 0,
          recent: recent.get(group) ?? 0,
          accepted: accepted.has(group),
        },
      ]),
    )
  }

  return {
    async decide(overdue, at, { dryRun = false, fence } = {}) {
      const rows = (await journal.select(preservations)).map(rowOf)
      const past = await goneSince(at - config.window, fence)
      const sorted = await triage(kin, overdue, pause)
      const states = await statesOf(sorted, rows, countGone(past), at)
      const verdict = judge(rows, states, config, at)

      const went = new Map<string, readonly Slot[]>()
      const accepted: Slot[] = []
      const going = marked(roster, [])
      let withheld = 0
      let left = mostPerTurn
      for (const [group, slots] of sorted.own) {
        if (verdict.held.has(group)) {
          withheld += slots.length
          continue
        }
        left -= slots.length
        if (left < 0) {
          left = mostPerTurn
          await pause()
        }
        // Whoever was heard of while this was thought about stays.
        const still = slots.filter((slot) => kin.silence(slot) > 0)
        if (verdict.accepted.has(group)) for (const slot of still) accepted.push(slot)
        else went.set(group, still)
        for (const slot of still) going[slot] = 1
      }
      const follow = await followers(kin, sorted.below, going, pause)
      if (!dryRun) {
        await write(journal, verdict, fence)
        held = [...verdict.held.values()]
        token = fence?.token ?? 0
        gone = [...past, { at, slots: went }]
      }
      const go = [
        { reason: silent, slots: [...went.values()].flat() },
        { reason: lossAccepted, slots: accepted },
        { reason: parentSilent, slots: follow },
      ]
      return { go, held: [...verdict.held.values()], withheld, unreachable: sorted.unreachable }
    },

    async release(group, { actor, reason }) {
      const row = await journal.get(preservations, { group })
      if (row === null) return false
      const event = eventOf('ended', row, 'preservation-released', reason)
      const [done] = await journal.commit([drop(preservations, { group }, { ...event, actor }, { seq: row.seq })])
      held = held.filter((one) => one.group !== group)
      return done !== 'conflict'
    },

    groupOf: (slot) => groupOf(kin, slot),
    get held() {
      return held
    },
  }
}

async function write(journal: Journal, verdict: ReturnType<typeof judge>, fence: Fence | undefined): Promise<void> {
  const facts: Fact[] = [
    ...verdict.started.map((row) => put(preservations, row, eventOf('started', row, 'preservation-held'), 'absent')),
    ...verdict.ended.map(({ hold, why }) =>
      drop(preservations, { group: hold.group }, eventOf('ended', hold, `preservation-${why}`)),
    ),
  ]
  const quiet = verdict.moved.map(({ group, silent, active }) => quietPatch(preservations, { group, silent, active }))
  for (let at = 0; at < Math.max(facts.length, quiet.length); at += mostFacts) {
    const some = quiet.slice(at, at + mostFacts)
    await journal.commit(facts.slice(at, at + mostFacts), { quiet: some, ...(fence && { fence }) })
  }
}

function eventOf(
  what: 'started' | 'ended',
  { group, since, until, silent, active }: PreservationRow,
  reason: string,
  because?: string,
): EventDraft {
  return {
    type: `preservation.${what}`,
    sync: 'services',
    key: group,
    reason,
    data: { since, until, silent, active, ...(because !== undefined && { reason: because }) },
  }
}

function rowOf({ group, since, until, silent, active }: PreservationRow): PreservationRow {
  return { group, since, until, silent, active }
}

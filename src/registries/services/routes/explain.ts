/** Why a service is as it is: each finding with its evidence and the next step. The command line prints the same. */
import { z } from 'zod'
import { isoTime, type Instant } from '../../../kernel/clock.ts'
import { formatDuration } from '../../../kernel/duration.ts'
import { route, type Route } from '../../../kernel/route.ts'
import type { Stored } from '../../../engine/journal.ts'
import type { ServiceRef } from '../model.ts'
import { noSlot, type Slot } from '../roster/roster.ts'
import { quarantine, preservations, type ServiceRow } from '../tables.ts'
import { eventsOf, EventView } from './event-view.ts'
import { oneParams, parentsOf, refIn } from './one.ts'
import { base, reads, type RouteParts, rowOf } from './parts.ts'
import { healthOf, isSilent } from './shown.ts'

const Finding = z.object({
  what: z.string(),
  evidence: z.string().nullable(),
  next: z.string().nullable().meta({ description: 'What to do; null: nothing' }),
})
type Finding = z.infer<typeof Finding>

const Explained = z.object({
  service_type: z.string(),
  service_id: z.string(),
  status: z.string().nullable().meta({ description: 'null: it is not registered' }),
  health: z.string().nullable(),
  findings: z.array(Finding).meta({ description: 'What matters most comes first' }),
  events: z.array(EventView).meta({ description: 'The newest first' }),
})

export function explainRoute(parts: RouteParts): Route {
  return route({
    ...reads,
    path: `${base}/:type/:id/explain`,
    summary: 'Explain why a service is as it is, with evidence and the next step',
    params: oneParams,
    response: Explained,
    async handle({ params }) {
      await parts.ready()
      const ref = refIn(params)
      const slot = parts.roster.find(ref.type, ref.id)
      const events = await eventsOf(parts.journal, ref, 10)
      const about = { service_type: ref.type, service_id: ref.id }
      if (slot === noSlot) {
        const findings = await explainStranger(parts, ref, events)
        return { body: { ...about, status: null, health: null, findings, events } }
      }
      const row = await rowOf(parts, ref)
      const findings = [...(await explainKnown(parts, slot, row)), ...sharedId(events, parts.clock.now())]
      return { body: { ...about, status: row.status, health: healthOf(parts, slot), findings, events } }
    },
  })
}

async function explainStranger(parts: RouteParts, ref: ServiceRef, events: readonly EventView[]): Promise<Finding[]> {
  const name = `${ref.type} ${ref.id}`
  const found: Finding[] = []
  const waiting = await parts.journal.get(quarantine, { type: ref.type, id: ref.id })
  if (waiting !== null) {
    found.push({
      what: `The ${name} reported without being registered, and waits for a person.`,
      evidence: `${waiting.count} heartbeats, the last at ${isoTime(waiting.lastAt)} by ${waiting.by}${fromText(waiting.source)}.`,
      next: `regista services quarantine approve ${ref.type} ${ref.id}, or dismiss.`,
    })
  }
  const gone = events.find(({ event_type: type }) => type === 'purged')
  if (gone !== undefined) {
    found.push({
      what: `The ${name} was registered once, and its registration was removed.`,
      evidence: `${gone.timestamp} by ${gone.actor}${gone.reason === null ? '' : `: ${gone.reason}`}.`,
      next: 'Register it again if it is to report.',
    })
  }
  found.push(...refusalOf(parts, ref))
  if (found.length > 0) return found
  return [
    {
      what: `There is no ${name}, and it never reported here.`,
      evidence: null,
      next: `Look at how its id is spelled, and whether it reports to this server; or: regista services register ${ref.type} ${ref.id}`,
    },
  ]
}

function fromText(source: string): string {
  return source === '' ? '' : ` from ${source}`
}

/** `heard`: when one was taken last; what was refused before that is over. */
function refusalOf({ beats }: RouteParts, ref: ServiceRef, heard = 0): Finding[] {
  const refused = beats.refusedOf(ref)
  if (refused === null || refused.at < heard) return []
  const { at, why, from, by, count } = refused
  return [
    {
      what: `Heartbeats of it were refused: ${why}.`,
      evidence: `${count} times, last at ${isoTime(at)} by ${by}${fromText(from)}.`,
      next: refusalSteps[why] ?? 'docs/reasons.md says what the reason means.',
    },
  ]
}

const refusalSteps: Readonly<Record<string, string>> = {
  'service-unknown': 'Register it.',
  'service-revoked': 'Restore it with a reason, or stop its sender.',
  'service-deleted': 'Bring it back with undelete, or stop its sender.',
  'service-parent':
    'It names another parent than it is registered under: correct the sender, or move the registration.',
  'service-subject': 'The credential belongs to another service: give it one of its own, or of what is above it.',
  'service-invalid': 'The sender writes what is no heartbeat: its log has the answer that it got.',
  'service-unavailable': 'It was not recorded, and is taken when it is sent again: look at regista doctor.',
}

async function explainKnown(parts: RouteParts, slot: Slot, row: Stored<ServiceRow>): Promise<Finding[]> {
  const now = parts.clock.now()
  const own =
    row.status === 'pending'
      ? pending(parts, row, now)
      : row.status === 'active' || row.status === 'inactive'
        ? await heardOf(parts, slot, row, now)
        : [ended(parts, row)]
  return [...own, ...refusalOf(parts, row, parts.liveness.lastSeen(slot)), ...above(parts, slot, row)]
}

function pending({ config }: RouteParts, { type, id, registeredAt, createdBy }: ServiceRow, now: Instant): Finding[] {
  const age = now - registeredAt
  const { after } = config.jobs.stuck_pending
  const what = `The ${type} ${id} is registered, and was never heard of.`
  const evidence = `Registered ${ago(age)} by ${createdBy}.`
  if (age < after) return [{ what, evidence, next: 'Start it: its first heartbeat activates it.' }]
  const next =
    'Is it running, does it report to this server under exactly this id, and is its token valid? A refused heartbeat would stand below.'
  return [{ what: `${what} That is longer than the ${formatDuration(after)} that it should take.`, evidence, next }]
}

const silences: Readonly<Record<string, (limit: string) => string>> = {
  'service-silent': (limit) => `silent for ${limit}`,
  'service-parent-silent': (limit) => `silent for ${limit}, and so is its parent`,
  'service-loss-accepted': (limit) => `silent for ${limit}, and the group that was held was let go`,
}

async function heardOf(parts: RouteParts, slot: Slot, row: ServiceRow, now: Instant): Promise<Finding[]> {
  const { liveness, config } = parts
  const { lastSeen, healthy } = liveness.seen(slot)
  const interval = row.interval ?? config.interval
  const heard = lastSeen === null ? null : `Last heard of ${ago(now - lastSeen)}, at ${isoTime(lastSeen)}.`
  const name = `The ${row.type} ${row.id}`
  if (row.status === 'inactive') {
    const limit = row.inactiveAfter ?? config.inactive_after[row.type]
    const why = silences[row.reason ?? 'service-silent']?.(formatDuration(limit)) ?? row.reason
    const what = `${name} is inactive since ${isoTime(row.statusAt)}: ${why}.`
    return [{ what, evidence: heard, next: 'Its next heartbeat makes it active again.' }]
  }
  if (!isSilent(parts, slot)) {
    if (healthy !== false) return [{ what: `${name} reports as it should.`, evidence: heard, next: null }]
    return [{ what: `${name} reports that it is not well.`, evidence: heard, next: 'Look at the service itself.' }]
  }
  const found: Finding[] = [
    {
      what: `${name} is late: it should report every ${formatDuration(interval)}.`,
      evidence: heard,
      next: 'Is it running, and can it reach this server?',
    },
  ]
  // Which group it belongs to only self-preservation knows; what is held is worth a look in any case.
  const held = await parts.journal.select(preservations, { limit: 10 })
  for (const { group, silent, active, until } of held) {
    found.push({
      what: `The group ${group} is held: too many of it fell silent at once, and none of it turns inactive.`,
      evidence: `${silent} of ${active}, until ${isoTime(until)}.`,
      next: `Look at the way to them first; regista services preservation release ${group} --reason … lets go.`,
    })
  }
  return found
}

function ended({ config }: RouteParts, { type, id, status, statusAt, reason, revokedAt }: ServiceRow): Finding {
  const why = reason === null ? '' : `: ${reason}`
  const { revoked_after: revokedAfter, deleted_after: deletedAfter, enabled } = config.jobs.purge
  const after = status === 'revoked' ? revokedAfter : deletedAfter
  const purge = enabled ? ` It is purged after ${isoTime((revokedAt ?? statusAt) + after)}.` : ''
  const step = status === 'revoked' ? 'restore' : 'undelete'
  return {
    what: `The ${type} ${id} is ${status} since ${isoTime(statusAt)}${why}.`,
    evidence: `Its heartbeats are refused.${purge}`,
    next: `regista services ${step} ${type} ${id} --reason … brings it back.`,
  }
}

/** Told once an hour, while two boot ids take turns. */
function sharedId(events: readonly EventView[], now: Instant): Finding[] {
  const told = events.find(({ event_type: type }) => type === 'duplicated')
  if (told === undefined || now - Date.parse(told.timestamp) > 86_400_000) return []
  return [
    {
      what: 'Two senders take turns under its id.',
      evidence: `Told at ${told.timestamp}.`,
      next: 'Was a disk image copied? Give one of them another id.',
    },
  ]
}

/** What hangs below a silent or withdrawn parent is no failure of its own. */
function above(parts: RouteParts, slot: Slot, { parent }: ServiceRow): Finding[] {
  const parents = parentsOf(parts, slot)
  if (parent !== '' && parents.length === 0) {
    return [
      { what: `Its parent ${parent} is not registered.`, evidence: null, next: `Register ${parent}, or move it.` },
    ]
  }
  return parents.flatMap(({ service_type: type, service_id: id, status, silent }) => {
    if (status === 'active' && !silent) return []
    const next = `regista services explain ${type} ${id}`
    const what =
      status === 'pending'
        ? `It waits for its ${type} ${id}, which was never heard of.`
        : silent
          ? `Its ${type} ${id} is silent: it is unreachable by way of that.`
          : `Its ${type} ${id} is ${status}.`
    return [{ what, evidence: null, next }]
  })
}

function ago(ms: number): string {
  return ms < 1_000 ? 'just now' : `${formatDuration(Math.floor(ms / 1_000) * 1_000)} ago`
}

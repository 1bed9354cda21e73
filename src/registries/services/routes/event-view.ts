/** The history of services as the API tells it: the fields of the original's event table. */
import { z } from 'zod'
import type { Event, EventQuery, Journal } from '../../../engine/journal.ts'
import { isoTime } from '../../../kernel/clock.ts'
import type { JsonObject } from '../../../kernel/json.ts'
import { refOf, refText, serviceTypes, type ServiceRef } from '../model.ts'

export const EventView = z.object({
  event_id: z.string(),
  event_type: z.string().meta({ description: 'registered, claimed, activated, …; of others with their noun' }),
  service_type: z.enum(serviceTypes).nullable(),
  service_id: z.string().nullable(),
  parent_id: z.string().nullable(),
  registration_source: z.string().nullable(),
  actor: z.string().nullable(),
  timestamp: z.iso.datetime(),
  rule: z.string().nullable().meta({ description: 'Reason constant, where a rule decided' }),
  reason: z.string().nullable().meta({ description: 'What the caller wrote' }),
  metadata: z.record(z.string(), z.unknown()),
  seq: z.int(),
})
export type EventView = z.infer<typeof EventView>

/** What this registry tells of. A sync of others may have its name: then the nouns tell them apart. */
const nouns: readonly string[] = ['service.', 'quarantine.', 'preservation.']

export function isOurs({ type }: Event): boolean {
  return nouns.some((noun) => type.startsWith(noun))
}

export const eventSync = 'services'

export function viewOf({ seq, at, type, key = '', actor, reason: rule, data }: Event): EventView {
  const ref = refOf(key)
  const { registration_source: source, reason, ...metadata } = (data ?? {}) as JsonObject
  const parent = ref?.type === 'agent' ? metadata['poller_id'] : ref?.type === 'checker' ? metadata['agent_id'] : null
  return {
    event_id: String(seq),
    event_type: type.replace(/^service\./, ''),
    service_type: ref?.type ?? null,
    service_id: ref?.id ?? null,
    parent_id: textOf(parent),
    registration_source: textOf(source),
    actor: actor ?? null,
    timestamp: isoTime(at),
    rule: rule ?? null,
    reason: textOf(reason),
    metadata: ref === null && key !== '' ? { ...metadata, key } : metadata,
    seq,
  }
}

const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null)

/** Of one service, the newest first. */
export async function eventsOf(journal: Journal, ref: ServiceRef, limit: number): Promise<EventView[]> {
  const query: EventQuery = { sync: eventSync, key: refText(ref), last: true, limit }
  return (await journal.events(query)).filter(isOurs).map(viewOf)
}

/**
 * Reads heartbeats from JSON. By hand and strictly: a field of a wrong type is a fault and never guessed at, what is
 * not named here is left alone, null is as good as absent (senders in Go write both, and '').
 */
import { parseDuration } from '../../../kernel/duration.ts'
import { isStorable } from '../../../kernel/storable.ts'
import { longestId, serviceTypes } from '../model.ts'
import type { ServiceType } from '../model.ts'
import type { Heartbeat } from './beats.ts'
import { parseTimestamp } from './timestamp.ts'

interface Wire {
  readonly service_type?: unknown
  readonly service_id?: unknown
  readonly poller_id?: unknown
  readonly agent_id?: unknown
  readonly checker_id?: unknown
  readonly timestamp?: unknown
  readonly source_ip?: unknown
  readonly healthy?: unknown
  readonly boot_id?: unknown
  readonly sequence?: unknown
  readonly interval?: unknown
  readonly checker_kind?: unknown
}

const longestText = 128
const day = 86_400_000

/** A sentence where it cannot be read. */
export function decodeHeartbeat(given: unknown): Heartbeat | string {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return 'A heartbeat is a JSON object.'
  const wire = given as Wire
  const type = wire.service_type as ServiceType
  if (type !== 'poller' && type !== 'agent' && type !== 'checker') return wrongType(type)
  const poller = wire.poller_id ?? ''
  const agent = wire.agent_id ?? ''
  const checker = wire.checker_id ?? ''
  const service = wire.service_id ?? ''
  if (!isName(poller)) return wrongText('poller_id', longestId)
  if (!isName(agent)) return wrongText('agent_id', longestId)
  if (!isName(checker)) return wrongText('checker_id', longestId)
  if (!isName(service)) return wrongText('service_id', longestId)
  const own = type === 'poller' ? poller : type === 'agent' ? agent : checker
  const id = own === '' ? service : own
  if (id === '') return `${type}_id is missing: it names the ${type}.`
  if (service !== '' && service !== id) return `service_id and ${type}_id name different services.`
  const parent = type === 'poller' ? '' : type === 'agent' ? poller : agent
  const boot = wire.boot_id ?? ''
  const from = wire.source_ip ?? ''
  const kind = wire.checker_kind ?? ''
  const healthy = wire.healthy ?? null
  const sequence = wire.sequence ?? -1
  if (!isText(boot)) return wrongText('boot_id', longestText)
  if (!isText(from)) return wrongText('source_ip', longestText)
  if (!isText(kind)) return wrongText('checker_kind', longestText)
  if (healthy !== null && typeof healthy !== 'boolean') return 'healthy must be true or false.'
  if (typeof sequence !== 'number' || !Number.isSafeInteger(sequence) || sequence < -1) {
    return 'sequence must be a whole number from 0 on.'
  }
  const at = wire.timestamp == null || wire.timestamp === '' ? 0 : instantOf(wire.timestamp)
  if (Number.isNaN(at)) return 'timestamp must be a time as RFC 3339 writes it, such as 2026-11-21T05:00:36Z.'
  const interval = wire.interval == null ? 0 : lengthOf(wire.interval)
  if (Number.isNaN(interval)) return 'interval must be a duration such as "30s", from one second to 30 days.'
  return { type, id, parent, kind: kind === '' ? null : kind, from, interval, at, healthy, boot, sequence }
}

const isName = (value: unknown): value is string => typeof value === 'string' && value.length <= longestId
const isText = (value: unknown): value is string =>
  typeof value === 'string' && (value === '' || (value.length <= longestText && isStorable(value)))

const wrongText = (field: string, longest: number) => `${field} must be text of at most ${longest} characters.`

function wrongType(type: unknown): string {
  return `service_type ${type === undefined ? 'is missing: it is' : 'must be'} one of ${serviceTypes.join(', ')}.`
}

/** 0: the zero time of Go and whatever else lies before 1970 says nothing. */
function instantOf(given: unknown): number {
  if (typeof given !== 'string') return Number.NaN
  const at = parseTimestamp(given)
  return at < 0 ? 0 : at
}

function lengthOf(given: unknown): number {
  const length = typeof given === 'string' ? parseDuration(given) : null
  return length !== null && length >= 1_000 && length <= 30 * day ? Math.round(length) : Number.NaN
}

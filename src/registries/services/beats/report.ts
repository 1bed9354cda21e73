/**
 * Reads a status report as pollers of the original send it (the JSON twin of PollerStatusRequest), and says which
 * heartbeats it comes to: one of the poller, one of each agent that it names, and one of each checker.
 */
import { isStorable } from '../../../kernel/storable.ts'
import { checkerKinds, longestId } from '../model.ts'
import type { Heartbeat } from './beats.ts'

export interface Report {
  readonly poller: Heartbeat
  /** Agents before their checkers. */
  readonly below: readonly Heartbeat[]
  /** Services of it that cannot be read, by their place in it. */
  readonly faults: readonly { readonly index: number; readonly detail: string }[]
  /** What was expected and is missing, and does no harm here. */
  readonly warnings: readonly string[]
}

interface Wire {
  readonly services?: unknown
  readonly poller_id?: unknown
  readonly timestamp?: unknown
  readonly partition?: unknown
  readonly source_ip?: unknown
}

interface WireService {
  readonly service_name?: unknown
  readonly available?: unknown
  readonly service_type?: unknown
  readonly agent_id?: unknown
}

export const mostServices = 10_000

/** A sentence where it is no report. */
export function decodeReport(given: unknown): Report | string {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return 'A report is a JSON object.'
  const wire = given as Wire
  const id = wire.poller_id ?? ''
  if (!isName(id)) return `poller_id must be text of at most ${longestId} characters.`
  if (id === '') return 'poller_id is missing: it names the poller that reports.'
  const services = wire.services ?? []
  if (!Array.isArray(services)) return 'services must be a list.'
  if (services.length > mostServices) return `services holds more than ${mostServices}.`
  const seconds = secondsOf(wire.timestamp ?? 0)
  if (seconds === null) return 'timestamp must be a whole number of seconds since 1970.'
  const warnings: string[] = []
  for (const field of ['partition', 'source_ip'] as const) {
    const value = wire[field] ?? ''
    if (typeof value !== 'string' || value.length > longestId || !isStorable(value)) return `${field} must be text.`
    if (value === '') warnings.push(`${field} is missing.`)
  }
  const from = typeof wire.source_ip === 'string' ? wire.source_ip : ''
  const common = { from, interval: 0, at: seconds * 1_000, boot: '', sequence: -1 }
  const poller: Heartbeat = { type: 'poller', id, parent: '', kind: null, healthy: true, ...common }
  return { poller, ...readServices(services, poller), warnings }
}

function readServices(services: readonly unknown[], poller: Heartbeat): Pick<Report, 'below' | 'faults'> {
  const agents = new Map<string, Heartbeat>()
  const checkers: Heartbeat[] = []
  const faults: { index: number; detail: string }[] = []
  for (const [index, given] of services.entries()) {
    const service = readService(given)
    if (typeof service === 'string') {
      faults.push({ index, detail: service })
      continue
    }
    const { agent, name, kind, available } = service
    if (agent === '') continue
    // That it is reported of is the sign that it lives.
    if (!agents.has(agent)) agents.set(agent, { ...poller, type: 'agent', id: agent, parent: poller.id })
    if (!checkerKinds.has(kind)) continue
    checkers.push({ ...poller, type: 'checker', id: `${name}@${agent}`, parent: agent, kind, healthy: available })
  }
  return { below: [...agents.values(), ...checkers], faults }
}

function readService(given: unknown): { agent: string; name: string; kind: string; available: boolean } | string {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return 'A service is a JSON object.'
  const wire = given as WireService
  const agent = wire.agent_id ?? ''
  const name = wire.service_name ?? ''
  const kind = wire.service_type ?? ''
  // Protocol Buffers leave out what is false.
  const available = wire.available ?? false
  if (!isName(agent)) return `agent_id must be text of at most ${longestId} characters.`
  if (!isName(name)) return `service_name must be text of at most ${longestId} characters.`
  if (!isName(kind)) return `service_type must be text of at most ${longestId} characters.`
  if (typeof available !== 'boolean') return 'available must be true or false.'
  if (checkerKinds.has(kind) && agent !== '') {
    if (name === '') return 'service_name is missing: it names the checker.'
    if (name.length + agent.length >= longestId) return `service_name and agent_id are too long together.`
  }
  return { agent, name, kind, available }
}

const isName = (value: unknown): value is string => typeof value === 'string' && value.length <= longestId

/** Protocol Buffers write numbers of 64 bits as text. */
function secondsOf(given: unknown): number | null {
  const value = typeof given === 'string' && /^\d{1,15}$/.test(given) ? Number(given) : given
  return typeof value === 'number' && Number.isSafeInteger(value * 1_000) && value >= 0 ? value : null
}

/**
 * Services that benches register and let report: 1 poller to 9 agents to 90 checkers, with ids in no order, so that
 * whoever keeps them sorted has to write everywhere. A number gives everything of one; nothing is kept.
 */
import type { ServiceType } from '../../src/registries/services/model.ts'

export interface Member {
  readonly type: ServiceType
  readonly id: string
  /** '' of a poller. */
  readonly parent: string
}

const subtree = 100
const agents = 9

export function memberOf(number: number): Member {
  const place = number % subtree
  const first = number - place
  if (place === 0) return { type: 'poller', id: idOf('poller', number), parent: '' }
  if (place <= agents) return { type: 'agent', id: idOf('agent', number), parent: idOf('poller', first) }
  const agent = first + 1 + ((place - agents - 1) % agents)
  return { type: 'checker', id: idOf('snmp', number), parent: idOf('agent', agent) }
}

/** Scattered by a bijection of 32 bits: no two numbers share an id. */
function idOf(word: string, number: number): string {
  let mixed = number ^ (number >>> 16)
  mixed = Math.imul(mixed, 0x45d9f3b)
  mixed ^= mixed >>> 16
  mixed = Math.imul(mixed, 0x45d9f3b)
  mixed ^= mixed >>> 16
  return `${word}-${(mixed >>> 0).toString(16).padStart(8, '0')}.example`
}

/** Fields that name it, as they stand in a heartbeat or a registration, without braces. */
export function namesOf({ type, id, parent }: Member): string {
  if (type === 'poller') return `"poller_id":"${id}"`
  if (type === 'agent') return `"agent_id":"${id}","poller_id":"${parent}"`
  return `"checker_id":"${id}","agent_id":"${parent}"`
}

/** What a registration of it says. */
export function registrationOf(member: Member): string {
  const kind = member.type === 'checker' ? ',"checker_kind":"snmp"' : ''
  return `{${namesOf(member)}${kind},"component_id":"${member.id}","metadata":{"site":"site-${member.id.slice(-10, -8)}","version":"1.4.2","os":"linux"}}`
}

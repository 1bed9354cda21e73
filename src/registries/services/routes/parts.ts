/** What the routes work with. Nothing of it is touched before a request comes. */
import { z } from 'zod'
import type { Journal, Stored } from '../../../engine/journal.ts'
import type { Clock } from '../../../kernel/clock.ts'
import { AppError } from '../../../kernel/errors.ts'
import type { Caller } from '../../../kernel/route.ts'
import type { Beats } from '../beats/beats.ts'
import type { Quarantine } from '../beats/quarantine.ts'
import type { ServicesConfig } from '../config.ts'
import type { Liveness } from '../liveness/liveness.ts'
import { longestId, serviceTypes, type ServiceRef, type ServiceType } from '../model.ts'
import type { By, Registrations } from '../registration/registrations.ts'
import { noSlot, type Roster, type Slot } from '../roster/roster.ts'
import { services, type ServiceRow } from '../tables.ts'

export interface RouteParts {
  readonly config: ServicesConfig
  readonly journal: Journal
  readonly clock: Clock
  readonly roster: Roster
  readonly liveness: Liveness
  readonly registrations: Registrations
  readonly beats: Pick<Beats, 'refusedOf'>
  readonly quarantine: Pick<Quarantine, 'list' | 'size' | 'approve' | 'dismiss'>
  /** Lets a held group go; false: it is not held. */
  readonly preservation: { release(group: string, by: By): Promise<boolean> }
  /** Reads what is kept in memory from the ledger, once: a command without a server begins with a request. */
  readonly ready: () => Promise<void>
}

export const base = '/api/admin/services'
export const tag = 'services'

/** Of routes that show something of the registry. */
export const reads = { method: 'GET', role: 'viewer', within: { services: 'read' }, tag } as const

/** As a segment of a path: `agent` or `agents`. */
export const typeNames = serviceTypes.flatMap((type) => [type, `${type}s` as const])
export type TypeName = (typeof typeNames)[number]

export function typeNamed(name: TypeName): ServiceType {
  return name.replace(/s$/, '') as ServiceType
}

export const idSegment = z.string().min(1).max(longestId)

export function slotOf({ roster }: Pick<RouteParts, 'roster'>, { type, id }: ServiceRef): Slot {
  const slot = roster.find(type, id)
  if (slot === noSlot) throw noService({ type, id })
  return slot
}

export async function rowOf({ journal }: Pick<RouteParts, 'journal'>, ref: ServiceRef): Promise<Stored<ServiceRow>> {
  const row = await journal.get(services, { type: ref.type, id: ref.id })
  if (row === null) throw noService(ref)
  return row
}

export function noService({ type, id }: ServiceRef): AppError {
  return new AppError('request.not-found', `There is no ${type} ${id}; \`regista services ls\` lists what there is.`)
}

export function byOf(caller: Caller, reason?: string): By {
  return { actor: caller.name, ...(reason !== undefined && { reason }) }
}

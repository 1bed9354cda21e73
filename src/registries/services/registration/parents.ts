/** Whether a service may hang below another. */
import { AppError } from '../../../kernel/errors.ts'
import { isKnownStatus, parentType, type ServiceRef, type ServiceStatus } from '../model.ts'
import type { Asked } from './registrations.ts'

const nounOf = { poller: 'Poller', agent: 'Agent', checker: 'Checker' } as const

export function nameOf({ type, id }: ServiceRef): string {
  return `${nounOf[type]} ${id}`
}

/** null: nothing is wrong with it. `status`: of the parent; null: it is not registered. */
export function parentFault(child: ServiceRef, parent: string, status: ServiceStatus | null): AppError | null {
  if (status !== null && isKnownStatus(status)) return null
  const type = parentType(child.type)!
  const above = nameOf({ type, id: parent })
  const data = { service_type: child.type, service_id: child.id, parent_id: parent, parent_status: status }
  if (status === null) {
    const detail = `${above}, the parent of ${nameOf(child)}, is not registered. Register it first, or in the same batch.`
    return new AppError('services.parent', detail, { data })
  }
  const step = status === 'revoked' ? 'Restore it first (status active)' : 'Bring it back first (undelete)'
  const detail = `${above}, the parent of ${nameOf(child)}, is ${status}. ${step}, or name another parent.`
  return new AppError('services.parent', detail, { data })
}

export function parentMissing(child: ServiceRef): AppError {
  const type = parentType(child.type)!
  return new AppError(
    'services.parent',
    `${nameOf(child)} names no parent. Give the id of its ${type} as ${type}_id.`,
    {
      data: { service_type: child.type, service_id: child.id, parent_id: '' },
    },
  )
}

export function parentOfPoller(child: ServiceRef, parent: string): AppError {
  return new AppError('services.parent', `${nameOf(child)} cannot have a parent: leave it out.`, {
    data: { service_type: child.type, service_id: child.id, parent_id: parent },
  })
}

/** `poller`: that of its agent; '' where nobody knows. */
export function isOfOther(asked: Asked, poller: string): boolean {
  return asked.type === 'checker' && Boolean(asked.poller) && poller !== '' && asked.poller !== poller
}

export function otherPoller(child: ServiceRef, agent: string, poller: string, asked: string): AppError {
  const detail = `Agent ${agent}, the parent of ${nameOf(child)}, belongs to poller ${poller}, not to ${asked}. Leave poller_id out, or name an agent of ${asked}.`
  return new AppError('services.parent', detail, {
    data: { service_type: child.type, service_id: child.id, parent_id: agent, poller_id: poller },
  })
}

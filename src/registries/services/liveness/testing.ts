/** For tests of liveness: rows and beats that say no more than they must. */
import type { ServiceType } from '../model.ts'
import type { ServiceRow } from '../tables.ts'
import type { Beat } from './liveness.ts'

export const plainBeat: Beat = { at: 0, healthy: null, boot: '', sequence: -1 }

export function serviceRow(type: ServiceType, id: string, more: Partial<ServiceRow> = {}): ServiceRow {
  return {
    type,
    id,
    status: 'active',
    statusAt: 1,
    reason: null,
    before: null,
    source: 'config',
    component: id,
    parent: '',
    kind: null,
    metadata: {},
    spiffe: null,
    interval: null,
    inactiveAfter: null,
    createdBy: 'test',
    registeredAt: 1,
    firstSeen: null,
    revokedAt: null,
    ...more,
  }
}

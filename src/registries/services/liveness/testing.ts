/** For tests of liveness: rows and beats that say no more than they must. */
import type { ServiceType } from '../model.ts'
import type { ServiceRow } from '../tables.ts'
import { serviceRow as storedRow } from '../testing.ts'
import type { Beat } from './liveness.ts'

export const plainBeat: Beat = { at: 0, healthy: null, boot: '', sequence: -1 }

export function serviceRow(type: ServiceType, id: string, more: Partial<ServiceRow> = {}): ServiceRow {
  const { seq: _, ...row } = storedRow({ type, id, source: 'config', statusAt: 1, registeredAt: 1, firstSeen: null })
  return { ...row, ...more }
}

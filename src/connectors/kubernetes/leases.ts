/** Leases: who is there, and until when (coordination.k8s.io/v1). */
import type { Instant, Ms } from '../../kernel/clock.ts'
import { pathOf, type KubernetesObject } from './objects.ts'

export interface Lease {
  /** null: nobody holds it. */
  readonly holder: string | null
  readonly renewed: Instant | null
  /** How long after its renewal it still counts; null: it does not end. */
  readonly duration: Ms | null
}

/** Without a namespace: of all. */
export function leasesPath(namespace: string | null): string {
  return pathOf({ group: 'coordination.k8s.io', version: 'v1', plural: 'leases' }, { namespace })
}

/** For `project` of a list-watch. Fields of another type than the API's count as missing. */
export function readLease(object: KubernetesObject): Lease {
  const {
    holderIdentity,
    renewTime,
    leaseDurationSeconds: seconds,
  } = (object['spec'] ?? {}) as {
    readonly holderIdentity?: unknown
    readonly renewTime?: unknown
    readonly leaseDurationSeconds?: unknown
  }
  const renewed = typeof renewTime === 'string' ? Date.parse(renewTime) : Number.NaN
  return {
    holder: typeof holderIdentity === 'string' && holderIdentity !== '' ? holderIdentity : null,
    renewed: Number.isNaN(renewed) ? null : renewed,
    duration: typeof seconds === 'number' && seconds > 0 ? seconds * 1000 : null,
  }
}

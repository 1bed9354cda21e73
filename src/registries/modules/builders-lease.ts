/**
 * What leases say about documentation builders, as pure functions: who holds one, and until when it is believed.
 * A builder renews its lease every 30 s for 35 s (docs-builder pkg/k8s/manager.go), and takes it away when it stops.
 */
import { builderUrl } from '../../connectors/docs-builder/names.ts'
import type { ListWatchQuery } from '../../connectors/kubernetes/list-watch.ts'
import { pathOf, type KubernetesObject } from '../../connectors/kubernetes/objects.ts'
import type { Instant, Ms } from '../../kernel/clock.ts'

/** What is kept of a lease. */
export interface BuilderLease {
  /** `spec.holderIdentity`, as it is: the address of the builder. */
  readonly holder: string
  readonly renewedAt: Instant | null
  /** null: it does not end. */
  readonly length: Ms | null
}

export interface KnownLease extends BuilderLease {
  readonly uid: string
  readonly expiresAt: Instant | null
}

/** For `regista status` and the log. */
export interface ShownLease {
  /** `namespace/name`. */
  readonly lease: string
  readonly holder: string
  readonly state: 'held' | 'expired' | 'malformed'
  readonly detail: string | null
}

const label = 'deckhouse.io/documentation-builder-sync'

/** Longer than it takes a builder to miss one renewal: its clock and ours differ, and API servers restart. */
export const grace: Ms = 30_000

/** `namespace` null: all of them. */
export function leasesQuery(namespace: string | null): ListWatchQuery<BuilderLease> {
  const path = pathOf({ group: 'coordination.k8s.io', version: 'v1', plural: 'leases' }, { namespace })
  return { path, labelSelector: label, project: leaseOf }
}

export function leaseOf({ spec }: KubernetesObject): BuilderLease {
  const { holderIdentity, renewTime, leaseDurationSeconds } = (spec ?? {}) as Record<string, unknown>
  const renewedAt = typeof renewTime === 'string' ? Date.parse(renewTime) : Number.NaN
  const seconds = typeof leaseDurationSeconds === 'number' && leaseDurationSeconds > 0 ? leaseDurationSeconds : null
  return {
    holder: typeof holderIdentity === 'string' ? holderIdentity : '',
    renewedAt: Number.isNaN(renewedAt) ? null : renewedAt,
    length: seconds === null ? null : seconds * 1000,
  }
}

/**
 * A renewal that we see happen counts from now, whatever the builder's clock says; one that was there before us
 * counts from when it says, but not from the future.
 */
export function known(lease: BuilderLease, uid: string, before: KnownLease | undefined, now: Instant): KnownLease {
  const { length, renewedAt } = lease
  const same = before?.uid === uid
  if (length === null) return { ...lease, uid, expiresAt: null }
  if (same && before.renewedAt === renewedAt && before.expiresAt !== null) {
    return { ...lease, uid, expiresAt: before.expiresAt }
  }
  const from = same ? now : Math.min(renewedAt ?? now, now)
  return { ...lease, uid, expiresAt: from + length + grace }
}

/** Held when nobody told of renewals any more: as if it had been renewed until now. */
export function afterSilence(lease: KnownLease, since: Instant, now: Instant): KnownLease {
  const { expiresAt, length } = lease
  if (expiresAt === null || length === null || expiresAt <= since) return lease
  return { ...lease, expiresAt: Math.max(expiresAt, now + length + grace) }
}

export function shownLease(key: string, { holder, expiresAt }: KnownLease, now: Instant): ShownLease {
  const about = { lease: key, holder }
  if (holder === '') return { ...about, state: 'malformed', detail: 'nobody holds it' }
  if (builderUrl(holder) === null) return { ...about, state: 'malformed', detail: 'its holder is no address' }
  if (expiresAt !== null && expiresAt <= now)
    return { ...about, state: 'expired', detail: 'its holder did not renew it' }
  return { ...about, state: 'held', detail: null }
}

/** Another uid or holder: another builder, of which nothing is known. */
export function identityOf({ uid, holder }: KnownLease): string {
  return `${uid} ${holder}`
}

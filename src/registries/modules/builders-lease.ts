/**
 * What leases say about documentation builders, as pure functions: who holds one, and until when it is believed.
 * A builder renews its lease every 30 s for 35 s (docs-builder pkg/k8s/manager.go), and takes it away when it stops.
 */
import { builderUrl } from '../../connectors/docs-builder/names.ts'
import type { ListWatchQuery } from '../../connectors/kubernetes/list-watch.ts'
import { leasesPath, readLease, type Lease } from '../../connectors/kubernetes/leases.ts'
import type { Instant, Ms } from '../../kernel/clock.ts'

export interface KnownLease extends Lease {
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
export function leasesQuery(namespace: string | null): ListWatchQuery<Lease> {
  return { path: leasesPath(namespace), labelSelector: label, project: readLease }
}

/**
 * A renewal that we see happen counts from now, whatever the builder's clock says; one that was there before us
 * counts from when it says, but not from the future.
 */
export function known(lease: Lease, uid: string, before: KnownLease | undefined, now: Instant): KnownLease {
  const { duration, renewed } = lease
  const same = before?.uid === uid
  if (duration === null) return { ...lease, uid, expiresAt: null }
  if (same && before.renewed === renewed && before.expiresAt !== null) {
    return { ...lease, uid, expiresAt: before.expiresAt }
  }
  const from = same ? now : Math.min(renewed ?? now, now)
  return { ...lease, uid, expiresAt: from + duration + grace }
}

/** Held when nobody told of renewals any more: as if it had been renewed until now. */
export function afterSilence(lease: KnownLease, since: Instant, now: Instant): KnownLease {
  const { expiresAt, duration } = lease
  if (expiresAt === null || duration === null || expiresAt <= since) return lease
  return { ...lease, expiresAt: Math.max(expiresAt, now + duration + grace) }
}

export function shownLease(key: string, { holder, expiresAt }: KnownLease, now: Instant): ShownLease {
  const about = { lease: key, holder: holder ?? '' }
  if (holder === null) return { ...about, state: 'malformed', detail: 'nobody holds it' }
  if (builderUrl(holder) === null) return { ...about, state: 'malformed', detail: 'its holder is no address' }
  if (expiresAt !== null && expiresAt <= now)
    return { ...about, state: 'expired', detail: 'its holder did not renew it' }
  return { ...about, state: 'held', detail: null }
}

/** Another uid or holder: another builder, of which nothing is known. */
export function identityOf({ uid, holder }: KnownLease): string {
  return `${uid} ${holder}`
}

/**
 * Mirrors come before the registry that they mirror, for manifests and blobs. What they lack may be there
 * nevertheless, and their lists of tags may be old or short: lists come from the registry alone. What a mirror holds
 * under a tag is believed, so it must be one that follows (a pull-through cache).
 */
import type { Clock, Instant, Ms } from '../../kernel/clock.ts'
import { whyOf } from './failure.ts'
import { AppError } from '../../kernel/errors.ts'
import type { Host } from './host.ts'

export interface Hosts {
  readonly upstream: Host
  /** Mirrors that are not known to be in trouble, then the registry. */
  order(): readonly Host[]
  /** Whatever a mirror fails with, the next one is asked; it is passed over for a while. Throws when that is no answer. */
  passOver(mirror: Host, thrown: unknown): void
  /** The first answer that is not an absence; the registry's own word is the last. */
  first<T>(work: (host: Host) => Promise<T>, isAbsent: (found: T) => boolean): Promise<T>
}

const passedOver: Ms = 60_000

export function createHosts(upstream: Host, mirrors: readonly Host[], clock: Clock): Hosts {
  const resting = new Map<Host, Instant>()
  const upstreamOnly = [upstream]

  function order(): readonly Host[] {
    if (mirrors.length === 0) return upstreamOnly
    const now = clock.monotonic()
    return [...mirrors.filter((mirror) => (resting.get(mirror) ?? 0) <= now), upstream]
  }

  function passOver(mirror: Host, thrown: unknown): void {
    if (!(thrown instanceof AppError) || whyOf(thrown) === undefined) throw thrown
    resting.set(mirror, clock.monotonic() + passedOver)
  }

  return {
    upstream,
    order,
    passOver,
    async first(work, isAbsent) {
      for (const host of order()) {
        if (host === upstream) break
        try {
          const found = await work(host)
          if (!isAbsent(found)) return found
        } catch (thrown) {
          passOver(host, thrown)
        }
      }
      return work(upstream)
    },
  }
}

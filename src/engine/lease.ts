/**
 * The right of one process to run a sync. Renewed at a third of its length; when it cannot be renewed
 * the fence fails locally before anybody else can get it, and every commit checks it again.
 */
import type { Clock, Ms } from '../kernel/clock.ts'
import { AppError } from '../kernel/errors.ts'
import type { Fence, Journal } from './journal.ts'

export interface Leasehold {
  /** One try. Starts the renewals. */
  acquire(): Promise<boolean>
  /** Throws `journal.fenced` unless the lease is held for certain. */
  fence(): Fence
  held(): boolean
  release(): Promise<void>
}

export const leaseLength: Ms = 15_000

export function createLeasehold(journal: Journal, clock: Clock, sync: string, holder: string): Leasehold {
  let held: { readonly fence: Fence; readonly until: Ms } | null = null
  let renewing: AbortController | null = null
  let renewal: Promise<void> = Promise.resolve()
  let acquiring: Promise<boolean> | null = null

  async function take(): Promise<boolean> {
    // Counted from before the request: the database grants it later than that.
    const asked = clock.monotonic()
    const lease = await journal.lease(sync, holder, leaseLength)
    held = lease && { fence: { sync, token: lease.token }, until: asked + leaseLength }
    return held !== null
  }

  async function renew(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await clock.sleep(leaseLength / 3, signal)
      if (signal.aborted) return
      try {
        if (!(await take())) return
      } catch {
        // The database does not answer: the lease runs out by itself, unless a later try succeeds.
      }
    }
  }

  async function acquire(): Promise<boolean> {
    renewing?.abort()
    await renewal
    if (!(await take())) return false
    renewing = new AbortController()
    renewal = renew(renewing.signal)
    return true
  }

  function isHeld(): boolean {
    return held !== null && clock.monotonic() < held.until
  }

  return {
    acquire() {
      if (isHeld()) return Promise.resolve(true)
      acquiring ??= acquire().finally(() => {
        acquiring = null
      })
      return acquiring
    },
    fence() {
      if (!isHeld()) throw new AppError('journal.fenced', `this process does not hold the lease of "${sync}"`)
      return held!.fence
    },
    held: isHeld,
    async release() {
      renewing?.abort()
      await renewal
      if (held) await journal.unlease(held.fence).catch(() => {})
      held = null
    },
  }
}

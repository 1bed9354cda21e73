/**
 * Degraded mode. When a write finds no space (or the database is gone) reads go on and writes are
 * refused by the attempt itself; a probe finds out when writing works again.
 */
import { type Clock, type Instant, type Ms, isoTime } from '../kernel/clock.ts'
import { asAppError, type AppError } from '../kernel/errors.ts'
import type { Logger } from '../kernel/logger.ts'
import type { Journal } from '../engine/journal.ts'

const probeEvery: Ms = 1000

export interface Health {
  condition: Journal['condition']
  /** Runs a write and learns from how it ends. */
  watch<T>(write: () => Promise<T>): Promise<T>
  close(): void
}

export function createHealth(options: { clock: Clock; logger: Logger; probe: () => Promise<void> }): Health {
  const { clock, logger, probe } = options
  const closing = new AbortController()
  let degraded: { readonly why: string; readonly since: Instant } | null = null

  const failed = (error: AppError) => {
    if (error.code !== 'journal.full' && error.code !== 'journal.unavailable') return
    if (degraded || closing.signal.aborted) return
    degraded = { why: error.message, since: clock.now() }
    logger.error({ code: error.code, detail: error.detail }, 'journal is degraded: nothing is written, reads go on')
    void probing()
  }
  const succeeded = () => {
    if (!degraded) return
    logger.info({ since: isoTime(degraded.since) }, 'journal writes again')
    degraded = null
  }
  const probing = async () => {
    for (;;) {
      await clock.sleep(probeEvery, closing.signal)
      if (!degraded || closing.signal.aborted) return
      await probe().then(succeeded, () => {})
    }
  }
  return {
    condition: () => (degraded ? { is: 'degraded', ...degraded } : { is: 'ok' }),
    async watch(write) {
      try {
        const result = await write()
        succeeded()
        return result
      } catch (error) {
        failed(asAppError(error))
        throw error
      }
    },
    close: () => closing.abort(),
  }
}

import type { EventEmitter } from 'node:events'
import { constants } from 'node:os'
import type { Clock, Ms } from './clock.ts'

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * One Ctrl-C arrives several times: from the terminal, from npm and from the launcher, which pass on
 * what the terminal sent to everybody anyway. What follows the first within this time is the same wish.
 */
const sameWish: Ms = 1000

export interface Stop extends Disposable {
  /** Aborts at the first stop signal; its `reason` is the signal's name. */
  readonly signal: AbortSignal
}

/**
 * Turns SIGINT, SIGTERM and SIGHUP into an AbortSignal. A second wish to stop ends the process at
 * once, with 128 + the signal's number as every shell does.
 */
export function stopOnSignals(
  clock: Clock,
  from: EventEmitter = process,
  end: (code: number) => void = (code) => process.exit(code),
): Stop {
  const controller = new AbortController()
  let since: Ms | null = null
  const receive = (name: (typeof signals)[number]) => {
    const now = clock.monotonic()
    if (since === null) {
      since = now
      controller.abort(name)
    } else if (now - since > sameWish) {
      end(128 + constants.signals[name])
    }
  }
  for (const name of signals) from.on(name, receive)
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      for (const name of signals) from.removeListener(name, receive)
    },
  }
}

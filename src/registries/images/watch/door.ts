/** What is common to all looks at one registry: so many at a time, none before it allows, one line when it fails. */
import type { Clock, Instant } from '../../../kernel/clock.ts'
import type { Logger } from '../../../kernel/logger.ts'
import { createSlots, type Slots } from '../../../kernel/slots.ts'
import type { Failed } from './outcome.ts'

export interface Door {
  /** Rejects with the signal's reason. */
  enter(signal: AbortSignal): Promise<() => void>
  /** It said so, to whomever of us: null: now. */
  closedUntil(): Instant | null
  /** How a look at a repository of it ended. null: well. */
  ended(failed: Failed | null, image: string): void
  /** Nobody follows the repository any more. */
  forget(image: string): void
}

/** Looks, each of a few requests: the registry's client has a limit of its own for those. */
const mostAtOne = 16
const mostInAll = 64

export type Doors = (registry: string) => Door

/** One registry that does not answer takes no more than its own share of what is looked at at a time. */
export function createDoors({ clock, logger }: { readonly clock: Clock; readonly logger: Logger }): Doors {
  const all = createSlots(mostInAll)
  const doors = new Map<string, Door>()
  return (registry) => {
    const door = doors.get(registry) ?? createDoor(registry, all, clock, logger)
    doors.set(registry, door)
    return door
  }
}

function createDoor(registry: string, all: Slots, clock: Clock, logger: Logger): Door {
  const own = createSlots(mostAtOne)
  let until: Instant = 0
  /** Repositories that could not be looked at: one line for the first of them, one when all can be again. */
  const failing = new Set<string>()

  return {
    async enter(signal) {
      const leaveOwn = await own.take(signal)
      try {
        const leaveAll = await all.take(signal)
        return () => {
          leaveAll()
          leaveOwn()
        }
      } catch (thrown) {
        leaveOwn()
        throw thrown
      }
    },
    closedUntil: () => (until > clock.now() ? until : null),
    ended(failed, image) {
      if (failed?.result === 'rate_limited' && failed.until !== null) until = Math.max(until, failed.until)
      if (failed === null) {
        if (failing.delete(image) && failing.size === 0) logger.info({ registry }, 'image registry is looked at again')
        return
      }
      const { result, detail } = failed
      const fields = { registry, image, result, detail }
      if (failing.size === 0) logger.warn(fields, 'image registry cannot be looked at')
      else logger.debug(fields, 'repository cannot be looked at')
      failing.add(image)
    },
    forget: (image) => void failing.delete(image),
  }
}

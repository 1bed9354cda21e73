/**
 * One change of a service at a time within this process. Whoever needs several takes all of them at once or waits with
 * none: nobody waits in a circle.
 */
import type { Slot } from '../roster/roster.ts'

export interface Turns {
  /** Ends when its present change does; undefined: it is free. */
  busy(slot: Slot): Promise<void> | undefined
  /** All of them are free. Call what it returns, once, whatever came of it. */
  take(slots: Iterable<Slot>): Turn
  /** Waits until all are free at once, and takes them. */
  wait(slots: readonly Slot[]): Promise<Turn>
}

export interface Turn {
  has(slot: Slot): boolean
  add(slot: Slot): void
  end(): void
}

export function createTurns(): Turns {
  const changing = new Map<Slot, Promise<void>>()

  function take(slots: Iterable<Slot>): Turn {
    const { promise, resolve } = Promise.withResolvers<void>()
    const held = new Set<Slot>(slots)
    for (const slot of held) changing.set(slot, promise)
    return {
      has: (slot) => held.has(slot),
      add(slot) {
        held.add(slot)
        changing.set(slot, promise)
      },
      end() {
        for (const slot of held) changing.delete(slot)
        resolve()
      },
    }
  }

  return {
    busy: (slot) => changing.get(slot),
    take,
    async wait(slots) {
      for (;;) {
        const busy = slots.find((slot) => changing.has(slot))
        if (busy === undefined) return take(slots)
        await changing.get(busy)
      }
    },
  }
}

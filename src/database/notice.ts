/** Tells listeners that the head moved: soon, not at once, and once for many moves. */
import type { Logger } from '../kernel/logger.ts'

export interface Notice {
  moved(): void
  subscribe(listener: () => void): () => void
}

export function createNotice(logger: Logger): Notice {
  const listeners = new Set<{ readonly call: () => void }>()
  let due = false
  return {
    moved() {
      if (due || listeners.size === 0) return
      due = true
      setImmediate(() => {
        due = false
        for (const { call } of listeners) {
          try {
            call()
          } catch (error) {
            logger.error({ error }, 'listener of the journal threw')
          }
        }
      })
    },
    subscribe(call) {
      const listener = { call }
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}

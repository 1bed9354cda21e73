/** Lets so many at a time through, the first come first. */
export interface Slots {
  /** The caller frees the slot by calling what it got. Rejects with the signal's reason. */
  take(signal: AbortSignal): Promise<() => void>
}

export function createSlots(most: number): Slots {
  let free = most
  const waiting: (() => void)[] = []

  function release(): void {
    const next = waiting.shift()
    if (next) next()
    else free++
  }

  function once(): () => void {
    let held = true
    return () => {
      if (held) release()
      held = false
    }
  }

  return {
    async take(signal) {
      signal.throwIfAborted()
      if (free > 0) {
        free--
        return once()
      }
      await new Promise<void>((resolve, reject) => {
        const go = () => {
          signal.removeEventListener('abort', leave)
          resolve()
        }
        const leave = () => {
          waiting.splice(waiting.indexOf(go), 1)
          reject(signal.reason as Error)
        }
        waiting.push(go)
        signal.addEventListener('abort', leave, { once: true })
      })
      return once()
    },
  }
}

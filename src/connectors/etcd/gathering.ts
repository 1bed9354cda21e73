/**
 * Changes between the one who hears of them and the one who reads them, when that is slower: the last
 * one of each key is kept, and of more keys than that is good for only that there were some.
 */
import type { Changed } from '../../kernel/key-value.ts'

export interface Gathering {
  add(changes: readonly Changed[]): void
  /** Something may have changed; what, is not known. */
  gap(): void
  /** No more comes; `error`: for this reason. */
  end(error?: unknown): void
  /** What has gathered, as soon as there is something: `null` for a gap. `undefined`: it has ended. */
  take(): Promise<readonly Changed[] | null | undefined>
}

export function createGathering(most: number): Gathering {
  const changes = new Map<string, Changed>()
  /** Nothing to tell but that we listen is something to tell, too. */
  let some = false
  let gap = false
  let ended: { readonly error: unknown } | null = null
  let wake = () => {}

  return {
    add(more) {
      some = true
      for (const change of more) changes.set(change.key, change)
      if (changes.size > most) {
        changes.clear()
        gap = true
      }
      wake()
    },
    gap() {
      gap = true
      wake()
    },
    end(error) {
      ended ??= { error }
      wake()
    },
    async take() {
      while (!some && !gap && ended === null) await new Promise<void>((resolve) => (wake = resolve))
      if (gap) {
        gap = false
        return null
      }
      if (some) {
        some = false
        const taken = [...changes.values()]
        changes.clear()
        return taken
      }
      if (ended!.error !== undefined) throw ended!.error
      return undefined
    },
  }
}

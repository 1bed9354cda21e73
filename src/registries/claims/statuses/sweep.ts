/** Lets go of claims that have been gone for long: nothing from before is to be expected any more. */
import { drop, quietlyDrop, type Journal, type Seq } from '../../../engine/journal.ts'
import type { Instant, Ms } from '../../../kernel/clock.ts'
import type { Held, Holdings } from './held.ts'
import { pushed } from './judge.ts'
import { claimClusters, claimStatuses } from '../tables.ts'

/** An informer that was away for a week and then tells what it saw before is not waited for. */
const tombstonesKept: Ms = 7 * 86_400_000

const together = 500

/** `upto`: what came to be by then, the loop has heard of. */
export async function sweepTombstones(
  { sync, journal, holdings }: { readonly sync: string; readonly journal: Journal; readonly holdings: Holdings },
  upto: Seq,
  now: Instant,
): Promise<void> {
  const isOver = ({ state, seq, at, pending }: Held) =>
    state === 'gone' && pending === null && seq <= upto && now - at >= tombstonesKept
  for (const { name, plain, objects } of holdings.clusters.values()) {
    const over = [...plain.values(), ...objects.values()].filter(isOver)
    for (let from = 0; from < over.length; from += together) {
      const part = over.slice(from, from + together)
      // First from memory: what is told of one of them meanwhile is then a claim of its own, written after.
      for (const held of part) holdings.unlearn(held)
      // Not what another replica brought back.
      await journal.commit(
        part.map(({ key, seq }) => {
          const event = { type: 'claim.dropped', sync, scope: pushed, key, reason: 'gone' }
          return drop(claimStatuses, { sync, key }, event, { seq })
        }),
      )
    }
    if (over.length > 0 && holdings.dropEmpty(name)) {
      await journal.commit([], { quiet: [quietlyDrop(claimClusters, { sync, cluster: encodeURIComponent(name) })] })
    }
  }
}

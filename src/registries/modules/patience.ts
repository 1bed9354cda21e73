/**
 * One build follows all that a scan found. The engine delivers while a slow scan still runs, and each of those rounds
 * would end with a build of the whole site, which may take minutes.
 */
import type { Source } from '../../engine/source.ts'
import type { Target, TargetSet } from '../../engine/target.ts'
import type { Clock, Ms } from '../../kernel/clock.ts'

export interface Patience {
  source<I>(inner: Source<I>): Source<I>
  targets<I>(inner: TargetSet<I>): TargetSet<I>
}

/** A scan that takes longer, as where a registry hangs, keeps no build waiting. */
export const longestPatience: Ms = 60_000

export function createPatience(clock: Clock): Patience {
  let looks = 0
  let since: Ms = 0
  const scans = () => looks > 0 && clock.monotonic() - since < longestPatience

  function patient<I>(target: Target<I>): Target<I> {
    return {
      ...target,
      // What is owed stays owed: the round at the end of the pass settles it.
      apply: (batch, signal) => target.apply(batch.last && scans() ? { ...batch, last: false } : batch, signal),
    }
  }

  return {
    source: (inner) => ({
      ...inner,
      async look(ask, signal) {
        if (looks === 0) since = clock.monotonic()
        looks += 1
        try {
          return await inner.look(ask, signal)
        } finally {
          looks -= 1
        }
      },
    }),
    targets<I>(inner: TargetSet<I>): TargetSet<I> {
      // The same for the same: another object is another target to those who listen to it.
      const known = new WeakMap<Target<I>, Target<I>>()
      const patientOf = (target: Target<I>) => {
        const one = known.get(target) ?? patient(target)
        known.set(target, one)
        return one
      }
      return {
        ...inner,
        async list(signal) {
          const list = await inner.list(signal)
          return list.targets ? { ...list, targets: list.targets.map(patientOf) } : list
        },
      }
    },
  }
}

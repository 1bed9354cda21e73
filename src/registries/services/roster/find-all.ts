/**
 * Finds many at once. Among a million services a find waits for memory twice, and the look at a service some more times;
 * loops this short let the processor ask for many of them at the same time. The last loop then has all of it near.
 */
import { typeIndex, type ServiceRef } from '../model.ts'
import type { Ids } from './ids.ts'
import { noSlot, type Columns } from './roster.ts'

/** So many that what they bring near stays there: 10 lines of the cache each. */
export const mostAtOnce = 128

export type FindAll = (refs: readonly ServiceRef[], from: number, count: number, into: Int32Array) => void

export function createFindAll(columns: Readonly<Columns>, ids: Ids): FindAll {
  const hashes = new Int32Array(mostAtOnce)
  const parents = new Int32Array(mostAtOnce)
  const brought = new Float64Array(1)

  return (refs, from, count, into) => {
    for (let n = 0; n < count; n += 1) hashes[n] = ids.hash(typeIndex(refs[from + n]!.type), refs[from + n]!.id)
    ids.bringHashed(hashes, count, into)
    for (let n = 0; n < count; n += 1) {
      const ref = refs[from + n]!
      into[n] = ids.findHashed(hashes[n]!, typeIndex(ref.type), ref.id)
    }
    const { parent, status } = columns
    let sum = 0
    for (let n = 0; n < count; n += 1) {
      const slot = into[n]!
      parents[n] = slot === noSlot ? noSlot : parent[slot]!
      sum += slot === noSlot ? 0 : status[slot]!
    }
    brought[0] = sum
    ids.bring(parents, count)
  }
}

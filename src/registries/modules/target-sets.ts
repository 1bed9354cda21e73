/** Several sets of targets as one. */
import type { Target, TargetList, TargetSet } from '../../engine/target.ts'

/** One set that cannot be read keeps none of the others waiting. */
export function joinTargets<I>(fixed: readonly Target<I>[], sets: readonly TargetSet<I>[]): TargetSet<I> {
  async function list(signal: AbortSignal): Promise<TargetList<I>> {
    const lists = await Promise.all(sets.map((set) => listed(set, signal)))
    const targets = [...fixed, ...lists.flatMap((one) => one.targets ?? [])]
    const unread = lists.flatMap((one) => (one.saw === 'unavailable' ? [one.detail] : []))
    return unread.length === 0
      ? { saw: 'complete', targets }
      : { saw: 'unavailable', detail: unread.join('; '), targets }
  }
  const telling = sets.filter((set) => set.changes !== undefined)
  const keeps = (target: string) => sets.map((set) => set.keeps?.(target) ?? null).find((one) => one !== null) ?? null
  return telling.length === 0 ? { list, keeps } : { list, keeps, changes: (signal) => anyOf(telling, signal) }
}

async function listed<I>(set: TargetSet<I>, signal: AbortSignal): Promise<TargetList<I>> {
  try {
    return await set.list(signal)
  } catch (thrown) {
    signal.throwIfAborted()
    return { saw: 'unavailable', detail: thrown instanceof Error ? thrown.message : String(thrown) }
  }
}

/** Rejects as soon as one of them does: they are then all listened to anew. */
async function* anyOf<I>(sets: readonly TargetSet<I>[], signal: AbortSignal): AsyncGenerator<void> {
  const stop = new AbortController()
  const either = AbortSignal.any([signal, stop.signal])
  const iterators = sets.map((set) => set.changes!(either)[Symbol.asyncIterator]())
  const next = (at: number) => iterators[at]!.next().then(({ done }) => ({ at, done: done === true }))
  const waiting = new Map(iterators.map((_, at) => [at, next(at)]))
  try {
    while (waiting.size > 0) {
      const { at, done } = await Promise.race(waiting.values())
      if (done) waiting.delete(at)
      else {
        waiting.set(at, next(at))
        yield
      }
    }
  } finally {
    stop.abort()
    for (const one of waiting.values()) one.catch(() => {})
  }
}

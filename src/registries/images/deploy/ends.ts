/** What several pieces of work come to, in the order in which they end. The first that fails fails all of it. */
export async function* asTheyEnd<T>(works: readonly Promise<T>[]): AsyncGenerator<T> {
  const left = new Map(works.map((work, at) => [at, work.then((value) => ({ at, value }))]))
  // Those that fail while nobody waits for them are heard of when their turn comes.
  for (const work of left.values()) work.catch(() => {})
  while (left.size > 0) {
    const { at, value } = await Promise.race(left.values())
    left.delete(at)
    yield value
  }
}

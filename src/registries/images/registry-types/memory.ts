/** What is true for ever, as everything is that a digest stands for; the most lately learnt. */
export interface Memory<V> {
  get(key: string): V | undefined
  keep(key: string, value: V): V
}

export function createMemory<V>(most: number): Memory<V> {
  const all = new Map<string, V>()
  return {
    get: (key) => all.get(key),
    keep(key, value) {
      all.set(key, value)
      const [oldest] = all.keys()
      if (all.size > most && oldest !== undefined) all.delete(oldest)
      return value
    },
  }
}

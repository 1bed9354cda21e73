/**
 * What is really there, as no part of the program can know it: scopes, their keys, their versions.
 * Every version has a number of its own, so that what a target holds says exactly where it came from.
 */
import type { Child, Key } from '../source.ts'
import { root, scopesAbove, type Scope } from '../scope.ts'

export interface Version {
  /** Unique in this truth and growing. */
  readonly n: number
  /** Number of its content: that of the version which first had it. */
  readonly content: number
  readonly scope: Scope
  readonly key: Key
  /** The file it stands in; the troubles of a file hide every key in it. */
  readonly origin: string | null
  /** Counts how often the key came to this scope: the same from its coming to its going. */
  readonly tenure: number
}

/** One change within a scope, for sources that can tell what changed since a revision. */
export interface Edit {
  readonly rev: number
  /** null: the list of nested scopes changed. */
  readonly key: Key | null
}

interface Place {
  readonly rank: number
  listed: boolean
  configured: boolean
  keys: Map<Key, Version>
  edits: Edit[]
}

export type Truth = ReturnType<typeof createTruth>

/** `tree`: every scope that can ever be, with its rank. A scope without '/' in its name is one that the config names. */
export function createTruth(tree: readonly Required<Child>[]) {
  let count = 0
  const born = new Map<number, Version>()
  const places = new Map<Scope, Place>(
    tree.map(({ scope, rank }) => [scope, { rank, listed: true, configured: true, keys: new Map(), edits: [] }]),
  )
  const at = (scope: Scope): Place => {
    const place = places.get(scope)
    if (!place) throw new Error(`no such scope: ${scope}`)
    return place
  }
  const lineOf = (scope: Scope): Scope[] => [scope, ...scopesAbove(scope).filter((above) => above !== root)]
  const visible = (scope: Scope): boolean => lineOf(scope).every((one) => at(one).listed)
  const configured = (scope: Scope): boolean => at(lineOf(scope).at(-1)!).configured
  const below = (scope: Scope): Scope[] => [...places.keys()].filter((one) => lineOf(one).includes(scope))
  const children = (scope: Scope): Child[] =>
    [...places.keys()]
      .filter((one) => one.startsWith(`${scope}/`) && !one.slice(scope.length + 1).includes('/') && at(one).listed)
      .map((one) => ({ scope: one, rank: at(one).rank }))

  return {
    scopes: [...places.keys()] as readonly Scope[],
    visible,
    configured,
    children,
    keys: (scope: Scope): ReadonlyMap<Key, Version> => at(scope).keys,
    edits: (scope: Scope): readonly Edit[] => at(scope).edits,
    get rev(): number {
      return count
    },
    /** Every version that a scope ever had of a key, oldest first. */
    versions: (scope: Scope, key: Key): Version[] =>
      [...born.values()].filter((version) => version.scope === scope && version.key === key),
    /** The scopes that the config names now. */
    roots: (): Child[] =>
      [...places.keys()]
        .filter((one) => !one.includes('/') && at(one).configured)
        .map((scope) => ({ scope, rank: at(scope).rank })),

    /** `back`: with the content that the key had before the last. */
    put(scope: Scope, key: Key, origin: string | null, back = false): Version {
      const { keys, edits } = at(scope)
      const n = (count += 1)
      const earlier = [...new Set([...born.values()].filter((one) => one.key === key).map((one) => one.content))]
      const content = (back ? earlier.at(-2) : undefined) ?? n
      const version = { n, content, scope, key, origin, tenure: keys.get(key)?.tenure ?? n }
      keys.set(key, version)
      born.set(n, version)
      edits.push({ rev: n, key })
      return version
    },
    drop(scope: Scope, key: Key): void {
      if (at(scope).keys.delete(key)) at(scope).edits.push({ rev: (count += 1), key })
    },
    /** Nothing changed, but a source that tells changes has to tell of this key again. */
    touch(scope: Scope, key: Key): void {
      at(scope).edits.push({ rev: (count += 1), key })
    },
    /** A nested scope goes or comes back, with all that is in it. */
    list(scope: Scope, listed: boolean): void {
      const place = at(scope)
      if (place.listed === listed) return
      place.listed = listed
      const above = lineOf(scope)[1]
      if (above !== undefined) at(above).edits.push({ rev: (count += 1), key: null })
      for (const one of below(scope)) {
        const { keys } = at(one)
        for (const [key, version] of keys) keys.set(key, { ...version, tenure: (count += 1) })
      }
    },
    configure(scope: Scope, on: boolean): void {
      at(scope).configured = on
    },

    /** Every scope that really holds the key, whether the config names it or not. */
    holders: (key: Key): Version[] =>
      [...places].filter(([scope, { keys }]) => keys.has(key) && visible(scope)).map(([, { keys }]) => keys.get(key)!),
    /** What a target must hold for the key, by the scopes that the config names: lowest rank, then name. */
    winner(key: Key): Version | null {
      let best: Version | null = null
      for (const [scope, { keys, rank }] of places) {
        const version = keys.get(key)
        if (!version || !visible(scope) || !configured(scope)) continue
        const other = best && at(best.scope).rank
        if (!best || rank < other! || (rank === other && scope < best.scope)) best = version
      }
      return best
    },
    keysEver: (): Set<Key> =>
      new Set([...places.values()].flatMap(({ edits }) => edits.flatMap(({ key }) => key ?? []))),
  }
}

/**
 * What the looks have told one ledger so far. A key that truth holds may only be deleted when no
 * look ever told of it: nobody could have known.
 */
export interface Told {
  see(version: Version): void
  /** A whole answer about the scope was read, as the truth stood at `rev`. */
  read(scope: Scope, rev: number): void
  /** The newest of those; null: there was none. */
  lastRead(scope: Scope): number | null
  /** The version last told for a key of a scope. */
  of(scope: Scope, key: Key): Version | null
  /** Told of since the key came to the scope. */
  knows(version: Version): boolean
  /** Told of at some time, if only to a process that died; in this scope, where one is named. */
  ever(key: Key, scope?: Scope): boolean
  /** For a crash: what was told since then, and perhaps not recorded. */
  copy(): Told
  /** Takes over from another what was ever told. */
  heard(other: Told): void
  everything(): Iterable<readonly [Key, ReadonlySet<Scope>]>
  reads(): Iterable<readonly [Scope, number]>
}

export function createTold(): Told {
  const last = new Map<Scope, Map<Key, Version>>()
  const ever = new Map<Key, Set<Scope>>()
  const reads = new Map<Scope, number>()
  const hear = (key: Key, scope: Scope) => void (ever.get(key) ?? ever.set(key, new Set()).get(key)!).add(scope)
  const told: Told = {
    see(version) {
      const keys = last.get(version.scope) ?? new Map<Key, Version>()
      const before = keys.get(version.key)
      // An older version of the same (a stale answer) does not take back what was told.
      if (before?.tenure !== version.tenure || before.n < version.n) keys.set(version.key, version)
      last.set(version.scope, keys)
      hear(version.key, version.scope)
    },
    read: (scope, rev) => void reads.set(scope, Math.max(rev, reads.get(scope) ?? rev)),
    lastRead: (scope) => reads.get(scope) ?? null,
    of: (scope, key) => last.get(scope)?.get(key) ?? null,
    knows: (version) => last.get(version.scope)?.get(version.key)?.tenure === version.tenure,
    ever: (key, scope) => (scope === undefined ? ever.has(key) : (ever.get(key)?.has(scope) ?? false)),
    copy() {
      const other = createTold()
      for (const keys of last.values()) for (const version of keys.values()) other.see(version)
      other.heard(told)
      return other
    },
    heard(other) {
      for (const [key, scopes] of other.everything()) for (const scope of scopes) hear(key, scope)
      for (const [scope, rev] of other.reads()) told.read(scope, rev)
    },
    everything: () => ever,
    reads: () => reads,
  }
  return told
}

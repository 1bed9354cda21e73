/**
 * The key-value port: what a registry needs of a store that holds keys and guards writes by
 * revision. Two implementations: connectors/etcd (client.ts) and Regista's own store in the
 * database (database/key-value.ts). One contract suite: kernel/testing/key-value-contract.ts.
 */
export interface KeyValue {
  /** Changes when this is no longer the same store (another or a wiped and rebuilt cluster). */
  identity(signal: AbortSignal): Promise<string>
  /**
   * All pairs whose key starts with `prefix`, in code point order (the byte order of UTF-8), read at
   * one revision however many pages it takes. Throws AppError `target.unavailable` when it cannot be read whole.
   */
  range(ask: RangeAsk, signal: AbortSignal): Promise<Snapshot>
  /**
   * All operations happen, or none. `conflict` when a guard does not hold: nothing was written.
   * Throws `target.refused` when the store will never take it (size, quota), `target.unavailable`
   * when it did not answer: the effect is then unknown, unless the error's data says `effect: 'none'`.
   */
  write(transaction: KeyValueTransaction, signal: AbortSignal): Promise<Written | 'conflict'>
  /**
   * Tells of changes below a prefix, whoever makes them, several at a time and our own too. An empty
   * list says that the watch stands: at first, before anything else, and again after a break. A hint,
   * never the truth: of several changes of a key the last one may be all that is told, and after a gap
   * (compaction, another store, a reader far behind) it goes on from then and yields `null` once, for
   * "something may have changed". Begins with the first `next()`, ends with the signal or with `close`, and waits for
   * as long as the store is away; throws only what no waiting mends (`target.refused`).
   */
  watch(prefix: string, signal: AbortSignal): AsyncIterable<readonly Changed[] | null>
  /** Most operations (and, apart from them, most guards) in one transaction. etcd's default is 128. */
  readonly limits: { readonly operations: number; readonly bytes: number }
  close(): Promise<void>
}

/** A key that was put or removed. */
export interface Changed {
  readonly key: string
  readonly revision: number
}

export interface Written {
  /** The newest revision that this gave to a key; with one operation, that of the key. */
  readonly revision: number
  /**
   * What each operation left its key at, 0 for a deletion: present where the keys of one transaction
   * have revisions of their own, or where a value that was already there kept its revision. Absent:
   * every key that was put is at `revision`.
   */
  readonly revisions?: readonly number[]
}

export interface RangeAsk {
  readonly prefix: string
  readonly keysOnly?: boolean
  /** Only keys after this one, and no more than `limit` of them: for reading in pages, each at a revision of its own. */
  readonly after?: string
  readonly limit?: number
  /** Only pairs that were written after this revision. What was removed since shows in `count` alone. */
  readonly since?: number
}

export interface Snapshot {
  /** Grows with every change of any key; equal: nothing changed in between. */
  readonly revision: number
  readonly pairs: readonly Pair[]
  /** How many keys start with the prefix at that revision, whatever `since`, `after` and `limit` left out. */
  readonly count: number
}

export interface Pair {
  readonly key: string
  /** Empty when asked for keys only. */
  readonly value: Uint8Array
  /** The revision that wrote this value; never 0. */
  readonly revision: number
  /** The key expires unless somebody keeps it alive: it belongs to a running process, never to us. */
  readonly leased: boolean
}

export interface KeyValueTransaction {
  /** Revision a key must still have; 0: the key must not exist. */
  readonly guards: readonly { readonly key: string; readonly revision: number }[]
  readonly operations: readonly KeyValueOperation[]
  /** Who asked, where the store keeps a history. */
  readonly by?: string
}

export type KeyValueOperation =
  | { readonly op: 'put'; readonly key: string; readonly value: Uint8Array }
  | { readonly op: 'delete'; readonly key: string }

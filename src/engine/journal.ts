/**
 * The journal: the durable ledger and the only way to change state. The engine declares the port;
 * database/ implements it on SQLite (in a worker) and PostgreSQL, engine/testing/ in memory.
 *
 * State changes are data, not closures, so that they cross to a worker, batch and merge. One rule
 * makes history complete: a row changes together with exactly one event, in one transaction.
 */
import type { Instant, Ms } from '../kernel/clock.ts'
import type { Digest } from '../kernel/digest.ts'
import type { Json } from '../kernel/json.ts'
import type { Table } from '../kernel/table.ts'

/** Position in the one order of all events; 1 is the first. Row positions, cursors, SSE ids and ETags are all this. */
export type Seq = number

/** A row as read: the declared columns and the position of its last event. */
export type Stored<R> = R & { readonly seq: Seq }

/**
 * A change of state: a row and the event that tells of it. `patch` holds the primary key and the columns to
 * set in a row that is there: no such row is a `conflict`.
 */
export type Fact = {
  readonly table: string
  readonly event: EventDraft
  readonly when?: Condition
} & ({ readonly put: object } | { readonly patch: object } | { readonly drop: object })

/**
 * absent          no such row yet
 * seq             the row still has this position (optimistic lock)
 * newer-ordinal   the new row's `ordinal` column is greater than the stored one's, compared as a
 *                 list of numbers and strings; an absent row always passes
 */
export type Condition = 'absent' | { readonly seq: Seq } | 'newer-ordinal'

/**
 * Bookkeeping that is no change of state (marks, due times, attempts, cursors): written without an
 * event, `seq` stays. `patch` holds the primary key and the columns to set; where there is no such
 * row it does nothing.
 */
export type Quiet = { readonly table: string } & (
  | { readonly put: object }
  | { readonly patch: object }
  | { readonly drop: object }
)

export interface EventDraft {
  /** Constant, `<noun>.<past participle>`: entry.appeared, delivery.applied, hold.released. */
  readonly type: string
  readonly sync?: string
  readonly scope?: string
  readonly target?: string
  readonly key?: string
  /** Reason constant (engine/reason.ts) where a decision was taken. */
  readonly reason?: string
  /** Who asked, when a person or a credential did. */
  readonly actor?: string
  readonly data?: Json
}

export interface Event extends EventDraft {
  readonly seq: Seq
  readonly at: Instant
}

/**
 * `done`: the position of the event. `unchanged`: the row already had exactly these values, no event
 * was written. `conflict`: `when` did not hold.
 */
export type Committed = Seq | 'unchanged' | 'conflict'

export interface CommitOptions {
  /** All facts and quiet rows, or none: one conflict turns every result of this commit into `conflict`. */
  readonly atomic?: boolean
  /** Checked inside the transaction; a lost lease rejects with AppError `journal.fenced`, nothing written. */
  readonly fence?: Fence
  readonly quiet?: readonly Quiet[]
}

/** The right to write for a sync: the token grows with each new holder. */
export interface Fence {
  readonly sync: string
  readonly token: number
}

export interface Lease extends Fence {
  /** By the database's clock where there are several machines; renew well before. */
  readonly until: Instant
}

export interface Journal {
  /** Other processes write to the same ledger: what is kept of it in memory may be behind. */
  readonly shared?: true
  /**
   * Resolves once the changes are durable, one result per fact in order. Commits that gather while
   * one is being written share the next transaction (group commit); a failed condition or fence of
   * one does not touch the others. Rejects with `journal.full`, `journal.unavailable` or
   * `journal.closed`: nothing of this call is then in the ledger, except after
   * `journal.unavailable` with data.effect = 'unknown' (the connection broke at COMMIT).
   */
  commit(facts: readonly Fact[], options?: CommitOptions): Promise<Committed[]>

  /** Rows of a table, in the order asked for. An empty page means that there are none. */
  select<R>(table: Table<R>, query?: Query<R>): Promise<Stored<R>[]>
  /** One row by its full primary key, or null. */
  get<R>(table: Table<R>, key: Partial<R>): Promise<Stored<R> | null>
  /**
   * All rows of a table as they were at one moment, in columns: for what keeps a large table in memory. SQLite and
   * memory answer in the order in which rows came (tables without rowids by key), PostgreSQL by key. Begins with the
   * first block asked for, reads no more than two ahead, and holds its snapshot until the loop over it ends.
   */
  scan<R, C extends keyof R & string>(
    table: Table<R>,
    columns: readonly C[],
    options?: ScanOptions,
  ): AsyncIterable<ColumnBlock<R, C>>
  /** How many rows, by the values of `by` (at most two columns); without `by` one group. */
  count<R>(table: Table<R>, where?: Where<R>, by?: readonly (keyof R & string)[]): Promise<Tally[]>

  /** Events in order of `seq`; with `last`, the newest first. */
  events(query: EventQuery): Promise<Event[]>
  head(): Promise<Head>
  /**
   * Calls back soon after the head moved, whoever moved it, without saying how far; calls coalesce.
   * Returns the function that ends it.
   */
  subscribe(listener: () => void): () => void

  /** Takes or renews the lease of a sync; null while somebody else holds it. `holder` is unique per process. */
  lease(sync: string, holder: string, length: Ms): Promise<Lease | null>
  /** Gives the lease up early. The token stays used. */
  unlease(fence: Fence): Promise<void>

  /** Recomputes the hash chain of every block still kept. */
  verify(signal?: AbortSignal): Promise<Verdict>
  /** Drops whole segments whose last event is older than `before`; the chain continues from an anchor. */
  retain(before: Instant): Promise<{ segments: number; events: number }>
  /** `degraded`: writes fail for this reason, reads go on; it mends itself when a write succeeds again. */
  condition(): { readonly is: 'ok' } | { readonly is: 'degraded'; readonly why: string; readonly since: Instant }
  close(): Promise<void>
}

export interface Head {
  readonly seq: Seq
  /** Hash of the newest block. */
  readonly hash: Digest
}

export type Where<R> = { readonly [C in keyof Stored<R> & string]?: Filter<Stored<R>[C]> }
export type Filter<V> =
  | V
  | { readonly in: readonly V[] }
  /** Strictly greater. */
  | { readonly above: NonNullable<V> }
  | { readonly atMost: NonNullable<V> }
  /** Text that starts with this. */
  | { readonly prefix: string }

export interface Query<R> {
  readonly where?: Where<R>
  /** Columns to order by, ascending; default: the primary key. Text orders by code point. */
  readonly order?: readonly (keyof Stored<R> & string)[]
  /** Values of the `order` columns of the last row seen: only rows after it. */
  readonly after?: readonly (string | number)[]
  readonly limit?: number
  /** Leaves large columns out of the answer; they read as null. */
  readonly without?: readonly (keyof R & string)[]
}

export interface ScanOptions {
  /** Only rows whose position is greater. No index serves it. */
  readonly above?: Seq
  readonly signal?: AbortSignal
}

/** Some rows, at least one and a few thousand at most: the n-th of each array belongs to the n-th row. */
export interface ColumnBlock<R, C extends keyof R> {
  readonly size: number
  readonly seq: readonly Seq[]
  readonly columns: { readonly [N in C]: readonly ScannedCell<R[N]>[] }
}

/** JSON comes as its text: whoever reads a million rows parses what it needs. Blobs are not scanned. */
export type ScannedCell<V> = [V] extends [string | number | boolean | null] ? V : string | null

export interface Tally {
  readonly by: readonly (string | number | boolean | null)[]
  readonly count: number
}

export interface EventQuery {
  readonly after?: Seq
  readonly before?: Seq
  readonly sync?: string
  readonly target?: string
  readonly key?: string
  /** Exact type, or a noun with a trailing dot: 'delivery.'. */
  readonly type?: string
  readonly since?: Instant
  readonly last?: boolean
  readonly limit?: number
}

export type Verdict =
  | { readonly ok: true; readonly blocks: number; readonly events: number; readonly from: Seq; readonly to: Seq }
  | { readonly ok: false; readonly at: Seq; readonly why: string }

/** A fact that puts a whole row. */
export function put<R extends object>(table: Table<R>, row: R, event: EventDraft, when?: Condition): Fact {
  return when === undefined ? { table: table.name, put: row, event } : { table: table.name, put: row, event, when }
}

/** A fact that sets some columns of an existing row, named by its whole primary key; columns given as undefined stay. */
export function patch<R extends object>(
  table: Table<R>,
  row: Partial<R>,
  event: EventDraft,
  when?: { readonly seq: Seq },
): Fact {
  return when === undefined ? { table: table.name, patch: row, event } : { table: table.name, patch: row, event, when }
}

/** A fact that removes a row. */
export function drop<R extends object>(table: Table<R>, key: Partial<R>, event: EventDraft, when?: Condition): Fact {
  return when === undefined ? { table: table.name, drop: key, event } : { table: table.name, drop: key, event, when }
}

/** Bookkeeping: a whole row without an event. */
export function quietly<R extends object>(table: Table<R>, row: R): Quiet {
  return { table: table.name, put: row }
}

/** Bookkeeping: some columns of an existing row, named by its whole primary key, without an event. */
export function quietPatch<R extends object>(table: Table<R>, row: Partial<R>): Quiet {
  return { table: table.name, patch: row }
}

/** Bookkeeping: a row removed without an event. Only for rows that no longer mean anything (old tombstones). */
export function quietlyDrop<R extends object>(table: Table<R>, key: Partial<R>): Quiet {
  return { table: table.name, drop: key }
}

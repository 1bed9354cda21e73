/**
 * Everybody who is registered, in columns: a million services take a fifth of what objects would, and none of it is
 * walked by the garbage collector. The ledger is the truth; this is read from it at start, and follows each write.
 */
import type { Seq, Stored } from '../../../engine/journal.ts'
import type { Instant } from '../../../kernel/clock.ts'
import type { RegistrationSource, ServiceRef, ServiceStatus, ServiceType } from '../model.ts'
import type { ServiceRow } from '../tables.ts'
import type { Order } from './order.ts'

/** The place of a service in the columns, for as long as this process runs; -1: there is none. Never used again. */
export type Slot = number
export const noSlot: Slot = -1
/** In the column of types: its row is no longer in the ledger. */
export const gone = 255

export interface Columns {
  /** Index into serviceTypes, or `gone`. */
  type: Uint8Array
  /** Index into serviceStatuses. */
  status: Uint8Array
  /** Index into registrationSources. */
  source: Uint8Array
  /** Version: position of the row's last event. */
  seq: Float64Array
  registeredAt: Float64Array
  statusAt: Float64Array
  /** 0: never. */
  firstSeen: Float64Array
  /** noSlot: it has none, or that is not there. */
  parent: Int32Array
  /** How many it has, whatever their status. */
  children: Int32Array
  firstChild: Int32Array
  nextSibling: Int32Array
  /** ms, 0: as configured. */
  interval: Uint32Array
  /** s, 0: as configured. */
  inactiveAfter: Uint32Array
}

/** What is kept of a row beside its metadata. */
export type Learnt = Pick<
  Stored<ServiceRow>,
  | 'type'
  | 'id'
  | 'status'
  | 'statusAt'
  | 'source'
  | 'parent'
  | 'kind'
  | 'interval'
  | 'inactiveAfter'
  | 'registeredAt'
  | 'firstSeen'
  | 'seq'
>

export interface Roster {
  /** The object stays, its arrays are others after each growth: read them anew after anything that may add. */
  readonly columns: Readonly<Columns>
  /**
   * All slots are below. Slots are in the order in which rows came, which is nearly that of registration: where the
   * order matters, `registeredAt` decides.
   */
  readonly end: Slot
  readonly size: number
  /** noSlot: not registered. Its cost is that of three cache misses. */
  find(type: ServiceType, id: string): Slot
  /**
   * As `find`, of `count` from `from` on, 128 at most. It also brings near what heartbeats are judged by: among a million,
   * all of it costs a third of what as many finds do.
   */
  findAll(refs: readonly ServiceRef[], from: number, count: number, into: Int32Array): void
  idOf(slot: Slot): string
  /** Whether its id is this, without making a string: heartbeats name their parents. */
  isId(slot: Slot, id: string): boolean
  /**
   * Its id as bytes, without making a string: the number of characters (two bytes, the highest bit says that each takes
   * two), then the characters. Returns where they end.
   */
  writeId(slot: Slot, into: Uint8Array, at: number): number
  /** Whether what `writeId` wrote there is its id. */
  isIdIn(slot: Slot, bytes: Uint8Array, at: number): boolean
  typeOf(slot: Slot): ServiceType
  statusOf(slot: Slot): ServiceStatus
  sourceOf(slot: Slot): RegistrationSource
  kindOf(slot: Slot): string | null
  /**
   * Children, whatever their status, the latest to come first. A child whose parent is not there (yet, or any more) is
   * below nobody until that comes.
   */
  childrenOf(slot: Slot): Iterable<Slot>
  /** Those whose parent this would be if it were there. */
  awaiting(type: ServiceType, id: string): readonly Slot[]
  /** In which lists show them. */
  readonly order: Order
  /** Whether an id begins so, or a value of its metadata, or the value of one key: `site=ber`. Made once for many. */
  searcher(q: string): (slot: Slot) => boolean
  /** The value of one key of its metadata; null: it has none. */
  metadataOf(slot: Slot, key: string): string | null
  /** How many have this type and status (and source). Kept, not counted. */
  count(type: ServiceType, status: ServiceStatus, source?: RegistrationSource): number
  /** Takes a row as the ledger has it; what is older than what is known changes nothing. */
  learn(row: Learnt & Pick<ServiceRow, 'metadata'>): Slot
  /** The same, given the metadata as their JSON text. */
  learnText(row: Learnt, metadata: string): Slot
  /** A transition whose other columns stayed: cheaper than the whole row. What is older than what is known changes nothing. */
  turn(slot: Slot, status: ServiceStatus, at: Instant, firstSeen: Instant | null, seq: Seq): void
  /** Its row is no longer in the ledger. */
  forget(slot: Slot): void
  /** Grows with every change. */
  version(): number
  /** Memory that it takes, without what it holds ready for growth and has not touched. */
  bytes(): number
}

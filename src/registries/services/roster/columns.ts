/** The columns of the roster and how they grow: doubled, all at once. */
import type { Columns, Slot } from './roster.ts'

/** Those of the roster itself beside what others read. */
export interface AllColumns extends Columns {
  /** For unlinking without walking; noSlot: it is the first. */
  previousSibling: Int32Array
  /** Of the words of the roster; 0: none. */
  kind: Uint32Array
}

const kinds = {
  type: Uint8Array,
  status: Uint8Array,
  source: Uint8Array,
  seq: Float64Array,
  registeredAt: Float64Array,
  statusAt: Float64Array,
  firstSeen: Float64Array,
  parent: Int32Array,
  children: Int32Array,
  firstChild: Int32Array,
  nextSibling: Int32Array,
  interval: Uint32Array,
  inactiveAfter: Uint32Array,
  previousSibling: Int32Array,
  kind: Uint32Array,
}

export const bytesPerSlot = Object.values(kinds).reduce((sum, { BYTES_PER_ELEMENT: size }) => sum + size, 0)

export function createColumns(capacity: number): AllColumns {
  return allColumns(capacity)
}

function allColumns(capacity: number): AllColumns {
  return Object.fromEntries(
    Object.entries(kinds).map(([name, Kind]) => [name, new Kind(capacity)]),
  ) as unknown as AllColumns
}

/** Makes room for this slot. Untouched memory costs nothing until it is written. */
export function makeRoom(columns: AllColumns, slot: Slot): void {
  const capacity = columns.type.length
  if (slot < capacity) return
  const more = allColumns(Math.max(2 * capacity, slot + 1))
  for (const name of Object.keys(kinds) as (keyof AllColumns)[]) more[name].set(columns[name])
  Object.assign(columns, more)
}

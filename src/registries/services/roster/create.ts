/** The roster: columns, ids, families and counts, kept together by `learn`, `turn` and `forget` alone. */
import type { Seq } from '../../../engine/journal.ts'
import type { Instant } from '../../../kernel/clock.ts'
import {
  parentType,
  registrationSources,
  serviceStatuses,
  serviceTypes,
  typeIndex,
  type RegistrationSource,
  type ServiceStatus,
  type ServiceType,
} from '../model.ts'
import type { ServiceRow } from '../tables.ts'
import { bytesPerSlot, createColumns, makeRoom } from './columns.ts'
import { createFamily } from './family.ts'
import { createFindAll } from './find-all.ts'
import { createIds, type IdHash } from './ids.ts'
import { createMetadataIndex } from './metadata.ts'
import { createOrder } from './order.ts'
import { gone, noSlot, type Learnt, type Roster, type Slot } from './roster.ts'
import { createWords } from './words.ts'

export interface RosterOptions {
  /** Of ids; a test gives a bad one. */
  readonly hash?: IdHash
  /** Slots that there is room for before the columns grow. */
  readonly room?: number
}

export function createRoster({ hash, room = 1_024 }: RosterOptions = {}): Roster {
  const columns = createColumns(room)
  const family = createFamily(columns)
  const ids = createIds(hash)
  const words = createWords()
  const counts = new Int32Array(serviceTypes.length * serviceStatuses.length * registrationSources.length)
  let end: Slot = 0
  let size = 0
  let version = 0
  const metadata = createMetadataIndex()
  const order = createOrder(columns, ids, () => end)

  const typeOf = (slot: Slot): ServiceType => serviceTypes[ids.typeOf(slot)]!
  const statusOf = (slot: Slot): ServiceStatus => serviceStatuses[columns.status[slot]!]!
  const sourceOf = (slot: Slot): RegistrationSource => registrationSources[columns.source[slot]!]!

  function find(type: ServiceType, id: string): Slot {
    return ids.find(typeIndex(type), id)
  }

  function learn(row: Learnt & Pick<ServiceRow, 'metadata'>): Slot {
    const before = version
    const slot = take(row)
    if (version !== before) metadata.set(slot, row.metadata)
    return slot
  }

  function learnText(row: Learnt, json: string): Slot {
    const before = version
    const slot = take(row)
    if (version !== before) metadata.setText(slot, json)
    return slot
  }

  /** All of a row but its metadata. */
  function take(row: Learnt): Slot {
    const type = typeIndex(row.type)
    const known = ids.find(type, row.id)
    if (known !== noSlot && columns.seq[known]! >= row.seq) return known
    const slot = known === noSlot ? enter(type, row.id) : known
    if (known !== noSlot) {
      countOne(slot, -1)
      if (columns.registeredAt[slot] !== row.registeredAt) order.disturb()
    }
    columns.status[slot] = statusIndex(row.status)
    columns.source[slot] = registrationSources.indexOf(row.source)
    countOne(slot, 1)
    columns.seq[slot] = row.seq
    columns.registeredAt[slot] = row.registeredAt
    columns.statusAt[slot] = row.statusAt
    columns.firstSeen[slot] = row.firstSeen ?? 0
    columns.kind[slot] = row.kind === null ? 0 : words.numberOf(row.kind)
    columns.interval[slot] = Math.min(row.interval ?? 0, 0xffffffff)
    // Rounded up: 0 would be as configured.
    columns.inactiveAfter[slot] = Math.min(Math.ceil((row.inactiveAfter ?? 0) / 1_000), 0xffffffff)
    place(slot, row.type, row.parent)
    if (known === noSlot && family.isAwaited()) family.adopt(slot, familyKey(row.type, row.id))
    version += 1
    return slot
  }

  function enter(type: number, id: string): Slot {
    const slot = end
    makeRoom(columns, slot)
    columns.type[slot] = type
    columns.parent[slot] = columns.firstChild[slot] = noSlot
    columns.nextSibling[slot] = columns.previousSibling[slot] = noSlot
    ids.add(slot, type, id)
    end += 1
    size += 1
    return slot
  }

  /** Below its parent, or waiting for that. */
  function place(slot: Slot, type: ServiceType, parentId: string): void {
    const above = parentType(type)
    if (above === null || parentId === '') return family.unlink(slot)
    const parent = columns.parent[slot]!
    if (parent !== noSlot && ids.is(parent, parentId)) return
    const to = find(above, parentId)
    if (to === noSlot && family.awaited(slot) === familyKey(above, parentId)) return
    family.unlink(slot)
    if (to === noSlot) family.await(slot, familyKey(above, parentId))
    else family.link(slot, to)
  }

  function turn(slot: Slot, status: ServiceStatus, at: Instant, firstSeen: Instant | null, seq: Seq): void {
    if (columns.type[slot] === gone || columns.seq[slot]! >= seq) return
    countOne(slot, -1)
    columns.status[slot] = statusIndex(status)
    countOne(slot, 1)
    columns.statusAt[slot] = at
    columns.firstSeen[slot] = firstSeen ?? 0
    columns.seq[slot] = seq
    version += 1
  }

  function forget(slot: Slot): void {
    if (columns.type[slot] === gone) return
    family.unlink(slot)
    family.orphan(slot, familyKey(typeOf(slot), ids.textOf(slot)))
    countOne(slot, -1)
    ids.remove(slot)
    metadata.clear(slot)
    order.drop()
    columns.type[slot] = gone
    size -= 1
    version += 1
  }

  function countOne(slot: Slot, by: 1 | -1): void {
    counts[countIndex(columns.type[slot]!, columns.status[slot]!, columns.source[slot]!)]! += by
  }

  function count(type: ServiceType, status: ServiceStatus, source?: RegistrationSource): number {
    const from = countIndex(typeIndex(type), statusIndex(status), 0)
    if (source !== undefined) return counts[from + registrationSources.indexOf(source)]!
    return registrationSources.reduce((sum, _source, n) => sum + counts[from + n]!, 0)
  }

  function* childrenOf(slot: Slot): Iterable<Slot> {
    for (let child = columns.firstChild[slot]!; child !== noSlot; child = columns.nextSibling[child]!) yield child
  }

  function searcher(q: string): (slot: Slot) => boolean {
    const inMetadata = metadata.searcher(q)
    return (slot) => ids.startsWith(slot, q) || inMetadata(slot)
  }

  return {
    columns,
    order,
    get end() {
      return end
    },
    get size() {
      return size
    },
    find,
    findAll: createFindAll(columns, ids),
    idOf: (slot) => ids.textOf(slot),
    isId: (slot, id) => ids.is(slot, id),
    writeId: (slot, into, at) => ids.writeTo(slot, into, at),
    isIdIn: (slot, bytes, at) => ids.isIn(slot, bytes, at),
    typeOf,
    statusOf,
    sourceOf,
    kindOf: (slot) => words.textOf(columns.kind[slot]!),
    childrenOf,
    awaiting: (type, id) => family.awaiting(familyKey(type, id)),
    searcher,
    metadataOf: (slot, key) => metadata.valueOf(slot, key),
    count,
    learn,
    learnText,
    turn,
    forget,
    version: () => version,
    bytes: () => columns.type.length * bytesPerSlot + ids.bytes() + metadata.bytes() + order.bytes(),
  }
}

function statusIndex(status: ServiceStatus): number {
  return serviceStatuses.indexOf(status)
}

function countIndex(type: number, status: number, source: number): number {
  return (type * serviceStatuses.length + status) * registrationSources.length + source
}

/** Of somebody who is not there: `agent/edge-1`. */
function familyKey(type: ServiceType, id: string): string {
  return `${type}/${id}`
}
